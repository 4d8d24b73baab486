-- SPDX-License-Identifier: Apache-2.0
-- The rows of a batch of which none is expected to be there already. A row that is fails the whole
-- COPY with 23505; the batch is then stored by copy_again.
COPY log_events (@row@) FROM STDIN (FORMAT binary);
