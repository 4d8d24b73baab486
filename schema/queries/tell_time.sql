-- SPDX-License-Identifier: Apache-2.0
-- The database's time in microseconds; text, so that it reads the same in both formats.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text
