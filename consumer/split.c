/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/split.h"

#include <assert.h>

static void push(struct split *s, size_t begin, size_t end)
{
    assert(s->count < SPLIT_DEPTH_MAX && begin < end);
    s->pending[s->count++] = (struct split_piece){begin, end};
}

static void push_halves(struct split *s, size_t begin, size_t end)
{
    const size_t middle = begin + (end - begin) / 2;
    push(s, middle, end);
    push(s, begin, middle);
}

void split_begin(struct split *s, size_t events)
{
    *s = (struct split){0};
    if (events > 1)
        push_halves(s, 0, events);
    else
        push(s, 0, events);
}

bool split_is_done(const struct split *s)
{
    return s->count == 0;
}

struct split_piece split_piece(const struct split *s)
{
    assert(s->count > 0);
    return s->pending[s->count - 1];
}

void split_was_taken(struct split *s)
{
    assert(s->count > 0);
    s->count--;
    s->taken = true;
}

bool split_was_refused(struct split *s, size_t *out_event)
{
    const struct split_piece piece = split_piece(s);
    s->count--;
    if (piece.end - piece.begin > 1) {
        push_halves(s, piece.begin, piece.end);
        return false;
    }
    *out_event = piece.begin;
    return true;
}
