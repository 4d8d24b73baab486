/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a JSON value says, whatever way it is written: two texts have the same digest when they are
 * the same value. The order of members, white space, escapes and the spelling of numbers make no
 * difference; the order of elements does, and so does every digit of a number.
 *
 * All zero is a canonical without memory; it keeps what it needed for the next value.
 */
#ifndef HOLDFAST_JSON_CANONICAL_H
#define HOLDFAST_JSON_CANONICAL_H

#include "common/core/buffer.h"
#include "common/core/digest.h"

struct canonical {
    struct buffer text;    /* of the value */
    struct buffer members; /* struct span: those of the open objects */
    struct buffer sorted;  /* of one object */
};

void canonical_finish(struct canonical *c);

/* Of an object the gate has accepted, leaving out the member that has `without`, a string or a
 * number, as its value (data NULL: none). False when memory ran out. */
MUST_CHECK bool canonical_digest(struct canonical *c, struct slice object, struct slice without,
                                 uint8_t out[DIGEST_SIZE]);

#endif
