/* SPDX-License-Identifier: Apache-2.0 */
/* An event as a row of log_events in binary COPY: the columns of schema/queries/copy_events.sql,
 * in their order. */
#ifndef HOLDFAST_CONSUMER_ROW_H
#define HOLDFAST_CONSUMER_ROW_H

#include "common/base/event.h"

#define ROW_COLUMNS                                                                                \
    (2 + EVENT_FIELD_COUNT + 2) /* id, received_at, the fields, batch_id, position */

struct row_place {
    struct id batch_id;
    int32_t position;
};

void row_write(const struct log_event *e, const struct row_place *place, struct buffer *out);

/* A row nothing can be said against, to learn whether the database takes any. */
void row_write_control(int64_t received_at, struct buffer *out);

#endif
