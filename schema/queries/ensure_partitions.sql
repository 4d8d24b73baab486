-- SPDX-License-Identifier: Apache-2.0
-- Partitions for the moments in $1, and for the two months to come.
SELECT ensure_partitions(t, t) FROM unnest($1::timestamptz[]) AS t
UNION ALL
SELECT ensure_partitions(now(), now() + interval '2 months')
