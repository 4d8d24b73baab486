/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring over the tags from `first` to `next`. OPEN tags belong to a batch or wait for one;
 * COMMITTED ones wait for the tags before them; SETTLED ones are answered to the broker but come
 * after an OPEN one. After a flush `first` is never a SETTLED or COMMITTED tag.
 *
 * An ack with `multiple` covers requeued tags below it too: the broker has them settled already.
 */
#include "consumer/settle.h"

#include <assert.h>
#include <stdlib.h>

#include "common/amqp/link.h"
#include "common/core/clock.h"

enum { OPEN, COMMITTED, SETTLED };

#define RING_SIZE_MIN 1024

void settle_init(struct settle *s)
{
    *s = (struct settle){.first = 1, .next = 1};
}

void settle_finish(struct settle *s)
{
    free(s->states);
    free(s->since_ns);
    settle_init(s);
}

void settle_open(struct settle *s, struct link *link, uint64_t generation)
{
    assert(generation > s->generation);
    s->link = link;
    s->generation = generation;
    s->first = s->next = 1;
    s->is_void = false;
}

void settle_void(struct settle *s)
{
    s->first = s->next = 1;
    s->is_void = true;
}

static bool grow(struct settle *s)
{
    const size_t size = s->states == NULL ? RING_SIZE_MIN : (s->mask + 1) * 2;
    uint8_t *states = malloc(size);
    int64_t *since_ns = calloc(size, sizeof *since_ns);
    if (states == NULL || since_ns == NULL) {
        free(states);
        free(since_ns);
        return false;
    }
    for (uint64_t tag = s->first; s->states != NULL && tag < s->next; tag++) {
        states[tag & (size - 1)] = s->states[tag & s->mask];
        since_ns[tag & (size - 1)] = s->since_ns[tag & s->mask];
    }
    free(s->states);
    free(s->since_ns);
    s->states = states;
    s->since_ns = since_ns;
    s->mask = size - 1;
    return true;
}

bool settle_delivered(struct settle *s, uint64_t tag)
{
    if (tag != s->next || s->is_void)
        return false;
    if ((s->states == NULL || s->next - s->first > s->mask) && !grow(s))
        return false;
    s->states[tag & s->mask] = OPEN;
    s->since_ns[tag & s->mask] = clock_now_ns();
    s->next = tag + 1;
    return true;
}

static bool is_ours(const struct settle *s, uint64_t generation, uint64_t tag)
{
    if (generation != s->generation || s->is_void)
        return false;
    assert(tag >= s->first && tag < s->next && s->states[tag & s->mask] == OPEN);
    return true;
}

void settle_committed(struct settle *s, uint64_t generation, uint64_t tag)
{
    if (is_ours(s, generation, tag))
        s->states[tag & s->mask] = COMMITTED;
}

void settle_requeue(struct settle *s, uint64_t generation, uint64_t tag)
{
    if (!is_ours(s, generation, tag))
        return;
    s->states[tag & s->mask] = SETTLED;
    link_requeue(s->link, generation, tag);
}

void settle_flush(struct settle *s)
{
    uint64_t last = 0; /* highest committed tag of the contiguous run */
    unsigned committed = 0;
    while (s->first < s->next && s->states[s->first & s->mask] != OPEN) {
        if (s->states[s->first & s->mask] == COMMITTED) {
            last = s->first;
            committed++;
        }
        s->first++;
    }
    if (committed > 0)
        link_ack(s->link, s->generation, last, committed > 1);
}

void settle_flush_all(struct settle *s)
{
    settle_flush(s);
    for (uint64_t tag = s->first; tag < s->next; tag++) {
        if (s->states[tag & s->mask] != COMMITTED)
            continue;
        s->states[tag & s->mask] = SETTLED;
        link_ack(s->link, s->generation, tag, false);
    }
}

size_t settle_open_count(const struct settle *s)
{
    return (size_t)(s->next - s->first);
}

int64_t settle_oldest_ns(const struct settle *s)
{
    return s->first < s->next ? s->since_ns[s->first & s->mask] : 0;
}
