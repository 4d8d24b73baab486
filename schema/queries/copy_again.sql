-- SPDX-License-Identifier: Apache-2.0
-- The rows of a batch that may have been stored before: the insert of a stored row conflicts on the
-- primary key and is skipped. Rows are inserted in the order of their ids, so that two sessions
-- storing the same events wait for each other and do not deadlock.
COPY pg_temp.stage (@row@) FROM STDIN (FORMAT binary);
INSERT INTO log_events (@row@)
SELECT @row@ FROM pg_temp.stage ORDER BY id
ON CONFLICT DO NOTHING;
