-- SPDX-License-Identifier: Apache-2.0
-- Claims event_ids; those that come back are ours. $1 event_id, $2 id, $3 digest, $4 received_at.
-- In one order everywhere, so that rival claims wait for each other and do not deadlock.
INSERT INTO event_keys (event_id, id, digest, received_at)
SELECT k.event_id, k.id, k.digest, k.received_at
FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::timestamptz[]) AS k (event_id, id, digest, received_at)
ORDER BY k.event_id COLLATE "C"
ON CONFLICT DO NOTHING
RETURNING event_id
