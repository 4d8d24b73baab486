/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/spares.h"

#include "consumer/batch.h"

#define ROWS_KEPT_BYTES ((size_t)2 << 20) /* larger is given back */

void spares_finish(struct spares *s)
{
    for (size_t i = 0; i < SPARES_MAX; i++) {
        batch_destroy(s->batches[i]);
        buffer_finish(&s->rows[i]);
    }
    *s = (struct spares){0};
}

struct batch *spares_take(struct spares *s)
{
    struct batch *b = NULL;
    for (size_t i = 0; i < SPARES_MAX && b == NULL; i++) {
        b = s->batches[i];
        s->batches[i] = NULL;
    }
    if (b == NULL)
        b = batch_create();
    for (size_t i = 0; b != NULL && b->rows.data == NULL && i < SPARES_MAX; i++) {
        b->rows = s->rows[i];
        s->rows[i] = (struct buffer){0};
    }
    return b;
}

void spares_give(struct spares *s, struct batch *b)
{
    if (b == NULL)
        return;
    spares_give_rows(s, b);
    for (size_t i = 0; i < SPARES_MAX; i++) {
        if (s->batches[i] == NULL && batch_renew(b)) {
            s->batches[i] = b;
            return;
        }
    }
    batch_destroy(b);
}

void spares_give_rows(struct spares *s, struct batch *b)
{
    struct buffer rows = b->rows;
    b->rows = (struct buffer){0};
    for (size_t i = 0; i < SPARES_MAX && rows.capacity <= ROWS_KEPT_BYTES; i++) {
        if (s->rows[i].data != NULL)
            continue;
        buffer_clear(&rows);
        s->rows[i] = rows;
        return;
    }
    buffer_finish(&rows);
}
