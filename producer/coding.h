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

#include "common/base/buffer.h"

/* For Accept-Encoding of a refusal. */
#define CODINGS_ACCEPTED "gzip, zstd"

enum coding { CODING_NONE, CODING_GZIP, CODING_ZSTD };

enum coding_result {
    CODING_DECODED,
    CODING_BROKEN, /* not in that coding, cut off, or with something behind it */
    CODING_TOO_LARGE,
    CODING_NO_MEMORY,
};

/* "" is none. False: a coding that is not taken. */
MUST_CHECK bool coding_find(struct slice content_encoding, enum coding *out_coding);

/* Appends at most bytes_max bytes to out, which holds a part of the body when it fails. */
MUST_CHECK enum coding_result coding_decode(enum coding coding, struct slice body, size_t bytes_max,
                                            struct buffer *out);

#endif
