-- SPDX-License-Identifier: Apache-2.0
-- Keeps review_sessions and users up to date. $1 what the review_ events of the batch tell.
SELECT note_reviews($1::jsonb[])
