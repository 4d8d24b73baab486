/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages on the wire of one connection, found by their delivery tag: tags count up by one,
 * so a ring holds them, and a slot is the tag's distance from the oldest.
 */
#ifndef HOLDFAST_PRODUCER_WINDOW_H
#define HOLDFAST_PRODUCER_WINDOW_H

#include "common/base/slice.h"

struct outbox_message;

struct window {                   /* all zero is an empty one */
    struct outbox_message **ring; /* owned array; NULL where settled */
    size_t capacity;              /* a power of two, or 0 */
    uint64_t first;               /* tag of the oldest */
    size_t span;                  /* tags from the oldest to the newest */
    size_t count;                 /* messages among them */
};

void window_finish(struct window *w); /* must be empty */

MUST_CHECK bool window_reserve(struct window *w);                          /* room for one more */
void window_add(struct window *w, uint64_t tag, struct outbox_message *m); /* has room */
struct outbox_message *window_take(struct window *w, uint64_t tag);        /* NULL: not there */
struct outbox_message *window_oldest(const struct window *w);              /* NULL: empty */
struct outbox_message *window_take_oldest(struct window *w); /* NULL: empty, and as new */

#endif
