-- SPDX-License-Identifier: Apache-2.0
-- Forgets some keys older than $1 days; 0 when none is left.
SELECT purge_event_keys(make_interval(days => $1::integer))
