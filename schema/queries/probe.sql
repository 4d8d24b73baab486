-- SPDX-License-Identifier: Apache-2.0
-- Whether a batch could be stored now: connection, rights, locks, room on the disk; answers with the
-- database's time in microseconds. The pages asked for at last are a temporary table's: no WAL, and
-- given back when the transaction of that statement ends (ON COMMIT DELETE ROWS).
BEGIN;
INSERT INTO batches (batch_id, consumer, events) VALUES (gen_random_uuid(), 'probe', 0);
INSERT INTO log_events (@row@)
SELECT @row@ FROM pg_temp.stage WHERE false;
ROLLBACK;
INSERT INTO pg_temp.stage (position) SELECT generate_series(1, 4000);
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text;
