-- SPDX-License-Identifier: Apache-2.0
-- Made once a session: a table made for each batch would bloat the catalogs. Types as in log_events,
-- written out, because the writer may not read that table.
CREATE TEMPORARY TABLE stage (
    @row_types@
) ON COMMIT DELETE ROWS;
