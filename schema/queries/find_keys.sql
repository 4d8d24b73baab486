-- SPDX-License-Identifier: Apache-2.0
-- Whose the keys are that could not be claimed; a statement of its own, to see what was committed
-- while the claim waited.
SELECT event_id, id, digest FROM event_keys WHERE event_id = ANY ($1::text[])
