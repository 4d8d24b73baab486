-- SPDX-License-Identifier: Apache-2.0
-- Some of the missing partitions of the moments in $1 and of the two months to come; how many.
SELECT ensure_months($1::timestamptz[])
