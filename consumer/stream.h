/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a batch as the stream of a COPY, made piece by piece while it is sent, so that a
 * transaction's rows are not in memory twice.
 *
 * All zero holds nothing; stream_begin as often as wanted; stream_finish.
 */
#ifndef HOLDFAST_CONSUMER_STREAM_H
#define HOLDFAST_CONSUMER_STREAM_H

#include "consumer/batch.h"
#include "consumer/split.h"

struct stream_rows {           /* of the events in question those that are to be stored */
    const struct batch *batch; /* borrowed until the stream is over */
    const size_t *which;       /* borrowed, too: its events in question; NULL: all */
    struct split_piece range;  /* of them */
    uint64_t columns;          /* row.h: those of the COPY */
};

struct stream {
    struct stream_rows rows; /* whose range is what is in no piece yet */
    struct buffer piece;     /* owned */
    bool given, ended;       /* the piece was; the trailer was added */
};

void stream_begin(struct stream *s, const struct stream_rows *rows);
/* One known-good probe row, in all columns. */
void stream_begin_control(struct stream *s, int64_t received_at);
void stream_finish(struct stream *s);

bool stream_next(void *stream, struct slice *out); /* for session_copy */

#endif
