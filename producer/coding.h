/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that come compressed: gzip (RFC 1952) and zstd (RFC 8878, window of at most 8 MiB as
 * RFC 9659 wants it). One coding, not several on top of each other.
 *
 * What comes out is bounded twice: by size, and by how many times larger it may be than what came
 * in, so that a small request cannot buy a large body.
 */
#ifndef HOLDFAST_PRODUCER_CODING_H
#define HOLDFAST_PRODUCER_CODING_H

#include <zlib.h>
#include <zstd.h>

#include "common/core/buffer.h"

/* For Accept-Encoding of a refusal. */
#define CODINGS_ACCEPTED "gzip, zstd"

enum coding { CODING_NONE, CODING_GZIP, CODING_ZSTD };

enum coding_result {
    CODING_MORE, /* there is another step */
    CODING_DECODED,
    CODING_BROKEN, /* not in that coding, cut off, or with something behind it */
    CODING_TOO_LARGE,
    CODING_NO_MEMORY,
};

/* "" is none. False: a coding that is not taken. */
MUST_CHECK bool coding_find(struct slice content_encoding, enum coding *out_coding);

struct decoder { /* all zero: of nothing */
    enum coding coding;
    struct slice body;  /* lent */
    struct buffer *out; /* lent */
    size_t end;         /* of out, at most */
    z_stream gzip;
    int gzip_result; /* of the last step */
    ZSTD_DCtx *zstd; /* owned */
    size_t used;     /* of the body, in zstd */
    size_t hint;     /* 0 at the end of a frame; frames may follow one another */
    bool full;       /* the last step of zstd filled its room */
};

/* Each step takes less than a millisecond and appends to out, at most bytes_max bytes in all; out
 * holds a part of the body when it fails. */
MUST_CHECK bool decoder_begin(struct decoder *d, enum coding coding, struct slice body,
                              size_t bytes_max, struct buffer *out); /* false: no memory */
MUST_CHECK enum coding_result decoder_step(struct decoder *d);
void decoder_finish(struct decoder *d);

/* All steps. */
MUST_CHECK enum coding_result coding_decode(enum coding coding, struct slice body, size_t bytes_max,
                                            struct buffer *out);

#endif
