/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the culprits of a refused batch, without recursion and without I/O: it tells which
 * piece to try next, and is told how that went. Pieces are ranges over the events to be stored.
 */
#ifndef HOLDFAST_CONSUMER_SPLIT_H
#define HOLDFAST_CONSUMER_SPLIT_H

#include "common/core/slice.h"

#define SPLIT_DEPTH_MAX 64 /* two pieces a halving: enough for 2^32 events */

struct split_piece {
    size_t begin, end;
};

struct split {
    struct split_piece pending[SPLIT_DEPTH_MAX]; /* the last is the one to try */
    unsigned count;
    bool taken; /* some piece was taken: the database does store events */
};

void split_begin(struct split *s, size_t events); /* which failed together; at least 1 */
bool split_is_done(const struct split *s);
struct split_piece split_piece(const struct split *s);
void split_was_taken(struct split *s);
/* True when the piece is one event: a culprit, with its begin in out_event. Else it is halved. */
bool split_was_refused(struct split *s, size_t *out_event);

#endif
