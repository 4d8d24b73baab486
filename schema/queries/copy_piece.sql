-- SPDX-License-Identifier: Apache-2.0
-- A piece of a batch that was refused, in search of the culprit. Pieces that are taken stay for the
-- ones after them; the transaction is rolled back in the end.
SAVEPOINT piece;
DELETE FROM pg_temp.stage;
COPY pg_temp.stage (@row@) FROM STDIN (FORMAT binary);
INSERT INTO log_events (@row@)
SELECT @row@ FROM pg_temp.stage ORDER BY id
ON CONFLICT DO NOTHING;
RELEASE SAVEPOINT piece;
