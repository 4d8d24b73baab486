/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body in chunks (RFC 9112, 7.1), read strictly and without I/O: sizes in hexadecimal, CRLF and
 * nothing else at the end of lines, extensions and trailers bounded and dropped.
 */
#ifndef HOLDFAST_NET_CHUNKS_H
#define HOLDFAST_NET_CHUNKS_H

#include "common/core/slice.h"

enum chunks_part {
    CHUNKS_SIZE,      /* the digits at the start of a chunk */
    CHUNKS_EXTENSION, /* up to the end of that line */
    CHUNKS_SIZE_LF,
    CHUNKS_DATA,
    CHUNKS_DATA_CR,
    CHUNKS_DATA_LF,
    CHUNKS_TRAILER, /* at the start of a line behind the last chunk */
    CHUNKS_TRAILER_LINE,
    CHUNKS_TRAILER_LF,
    CHUNKS_LAST_LF,
};

struct chunks { /* all zero at the start of a body */
    enum chunks_part part;
    uint64_t left;   /* of the chunk: its size, then the bytes still to come */
    size_t digits;   /* of that size */
    size_t overhead; /* bytes of the present extension, or of all trailers */
};

enum chunks_progress { CHUNKS_MORE, CHUNKS_ENDED, CHUNKS_BAD };

/* Takes bytes until some are data, which *out_data then is, or all are taken, or the body ends.
 * *out_used is how many were taken. */
enum chunks_progress chunks_take(struct chunks *c, struct slice bytes, size_t *out_used,
                                 struct slice *out_data);

#endif
