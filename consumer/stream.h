/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a batch as the stream of a COPY, made piece by piece while it is sent: a transaction's
 * rows are in memory once, not twice.
 *
 * All zero holds nothing; stream_begin as often as wanted; stream_finish.
 */
#ifndef HOLDFAST_CONSUMER_STREAM_H
#define HOLDFAST_CONSUMER_STREAM_H

#include "consumer/batch.h"
#include "consumer/split.h"

struct stream {
    const struct batch *batch; /* borrowed */
    const size_t *which;       /* borrowed: its events in question; NULL: all */
    struct split_piece left;   /* of them, not yet in a piece */
    uint64_t columns;          /* row.h: those of the COPY */
    struct buffer piece;       /* owned */
    bool given, ended;         /* piece was; the trailer was added */
};

/* Of the events in `range` of `which` those that are to be stored. */
void stream_begin(struct stream *s, const struct batch *b, const size_t *which,
                  struct split_piece range, uint64_t columns);
/* One row nothing can be said against, in all columns. */
void stream_begin_control(struct stream *s, int64_t received_at);
void stream_finish(struct stream *s);

bool stream_next(void *stream, struct slice *out); /* for session_copy */

#endif
