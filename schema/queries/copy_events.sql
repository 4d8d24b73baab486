-- SPDX-License-Identifier: Apache-2.0
-- The rows of a batch of which none is expected to be there already; %s is the columns that any of
-- them has a value for, so no column may have a default but what its absence means (row.c). A row that
-- is there fails the whole COPY with 23505; the batch is then stored by copy_again.
COPY log_events (%s) FROM STDIN (FORMAT binary);
