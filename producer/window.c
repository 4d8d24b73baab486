/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/window.h"

#include <assert.h>
#include <stdlib.h>

static struct outbox_message **slot(const struct window *w, uint64_t tag)
{
    return &w->ring[tag & (w->capacity - 1)];
}

void window_finish(struct window *w)
{
    assert(w->count == 0);
    free(w->ring);
    *w = (struct window){0};
}

bool window_reserve(struct window *w)
{
    if (w->span < w->capacity)
        return true;
    struct window wider = *w;
    wider.capacity = w->capacity == 0 ? 64 : w->capacity * 2;
    wider.ring = calloc(wider.capacity, sizeof(struct outbox_message *));
    if (wider.ring == NULL)
        return false;
    for (uint64_t tag = w->first; tag < w->first + w->span; tag++)
        *slot(&wider, tag) = *slot(w, tag);
    free(w->ring);
    *w = wider;
    return true;
}

void window_add(struct window *w, uint64_t tag, struct outbox_message *m)
{
    assert(w->span < w->capacity && (w->span == 0 || tag == w->first + w->span));
    if (w->span == 0)
        w->first = tag;
    *slot(w, tag) = m;
    w->span++;
    w->count++;
}

static void skip_settled(struct window *w)
{
    while (w->span > 0 && *slot(w, w->first) == NULL) {
        w->first++;
        w->span--;
    }
}

struct outbox_message *window_take(struct window *w, uint64_t tag)
{
    if (tag < w->first || tag >= w->first + w->span)
        return NULL;
    struct outbox_message *m = *slot(w, tag);
    *slot(w, tag) = NULL;
    w->count -= m != NULL ? 1 : 0;
    skip_settled(w);
    return m;
}

struct outbox_message *window_oldest(const struct window *w)
{
    return w->span > 0 ? *slot(w, w->first) : NULL;
}

struct outbox_message *window_take_oldest(struct window *w)
{
    return window_take(w, w->first);
}
