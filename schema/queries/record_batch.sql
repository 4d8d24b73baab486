-- SPDX-License-Identifier: Apache-2.0
-- The row that stands for the transaction. A batch whose COMMIT was answered by silence may find it
-- there. $1 batch_id, $2 consumer, $3 events, $4 duplicates, $5 quarantined.
INSERT INTO batches (batch_id, consumer, events, duplicates, quarantined)
VALUES ($1::uuid, $2::text, $3::integer, $4::integer, $5::integer)
ON CONFLICT DO NOTHING
