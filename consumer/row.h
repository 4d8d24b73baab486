/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event as a row of log_events in binary COPY. Most columns of most events are null, and a null
 * costs PostgreSQL almost as much as a value: so a row is kept as the values it has, and COPY names
 * the columns that any row of the batch has a value for.
 *
 * A set of columns is a bit each, in the order of schema/event.columns: id, received_at, the
 * fields, batch_id, position.
 */
#ifndef HOLDFAST_CONSUMER_ROW_H
#define HOLDFAST_CONSUMER_ROW_H

#include "common/event/event.h"

#define ROW_COLUMNS     (2 + EVENT_FIELD_COUNT + 2)
#define ROW_COLUMNS_ALL ((UINT64_C(1) << ROW_COLUMNS) - 1)

struct row_place {
    struct id batch_id;
    int32_t position;
};

/* Writes the values the row has; which they are. */
uint64_t row_write(const struct log_event *e, const struct row_place *place, struct buffer *out);

/* A known-good probe row, to learn whether the database accepts any row. */
uint64_t row_write_control(int64_t received_at, struct buffer *out);

/* The row for a COPY of `columns`, a superset of its own. */
void row_copy(struct slice values, uint64_t own, uint64_t columns, struct buffer *out);

void row_names(uint64_t columns, struct buffer *out); /* "id, received_at, event_id" */

#endif
