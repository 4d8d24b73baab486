-- SPDX-License-Identifier: Apache-2.0
-- What cannot be a row of log_events. A message that comes again is counted on its row. $1 reason,
-- $2 event_id, $3 message_id, $4 sqlstate, $5 message, $6 raw, $7 digest.
INSERT INTO quarantine (reason, event_id, message_id, sqlstate, message, raw, digest)
SELECT DISTINCT ON (q.reason, q.digest, coalesce(q.message_id, ''))
    q.reason, q.event_id, q.message_id, q.sqlstate, q.message, q.raw, q.digest
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[])
    AS q (reason, event_id, message_id, sqlstate, message, raw, digest)
ORDER BY q.reason, q.digest, coalesce(q.message_id, '')
ON CONFLICT (reason, digest, coalesce(message_id, '')) DO UPDATE
    SET attempts = quarantine.attempts + 1, last_seen = now()
