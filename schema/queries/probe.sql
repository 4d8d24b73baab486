-- SPDX-License-Identifier: Apache-2.0
-- Whether a batch could be stored now: connection, rights, locks, room on the disk.
BEGIN;
INSERT INTO batches (batch_id, consumer, events) VALUES (gen_random_uuid(), 'probe', 0);
INSERT INTO log_events (@row@)
SELECT @row@ FROM pg_temp.stage WHERE false;
ROLLBACK;
