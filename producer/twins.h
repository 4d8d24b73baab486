/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the equal events of one request an event is: the first, the second, … All zero is an
 * empty one without memory, which it keeps for the next request.
 */
#ifndef HOLDFAST_PRODUCER_TWINS_H
#define HOLDFAST_PRODUCER_TWINS_H

#include "common/core/slice.h"

struct twins {
    struct twin *slots; /* owned; a power of two, at most half full */
    size_t capacity, used;
    uint64_t seed; /* nobody can choose digests that meet */
};

void twins_finish(struct twins *t);
void twins_clear(struct twins *t); /* the next request */

/* 1 for the first of this digest; 0 when memory ran out. */
size_t twins_count(struct twins *t, uint64_t digest);

#endif
