-- SPDX-License-Identifier: Apache-2.0
-- The row that stands for the transaction, and the database's time in microseconds. A batch whose
-- COMMIT was answered by silence may find the row there. $1 batch_id, $2 consumer, $3 events,
-- $4 duplicates, $5 quarantined. That the commit waits for the disk is said here once more: the
-- session's own setting may have been reset under us, by a pooler for instance.
WITH recorded AS (
    INSERT INTO batches (batch_id, consumer, events, duplicates, quarantined)
    VALUES ($1::uuid, $2::text, $3::integer, $4::integer, $5::integer)
    ON CONFLICT DO NOTHING)
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text,
       set_config('synchronous_commit', 'on', true)
