/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of batches that are over, for the next ones: a batch is a megabyte and more, and fresh
 * pages from the kernel for each cost as much as reading its events. All zero holds none.
 */
#ifndef HOLDFAST_CONSUMER_SPARES_H
#define HOLDFAST_CONSUMER_SPARES_H

#include "common/core/buffer.h"

struct batch;

#define SPARES_MAX 2 /* of each; the writers that are busy most of the time */

struct spares {
    struct batch *batches[SPARES_MAX]; /* owned */
    struct buffer rows[SPARES_MAX];
};

void spares_finish(struct spares *s);
struct batch *spares_take(struct spares *s);              /* an empty one; NULL: no memory */
void spares_give(struct spares *s, struct batch *b);      /* takes it */
void spares_give_rows(struct spares *s, struct batch *b); /* b needs its rows no more */

#endif
