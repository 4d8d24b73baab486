/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDv7 (RFC 9562): 48 bits of milliseconds, then a 12-bit counter in rand_a that keeps the ids of
 * one process in order, then 62 random bits.
 */
#ifndef HOLDFAST_CORE_ID_H
#define HOLDFAST_CORE_ID_H

#include "common/core/slice.h"

#define ID_TEXT_SIZE 36

struct id {
    uint8_t bytes[16];
};

/* Later ids of this process compare greater, also when the wall clock steps back. */
void id_make(struct id *out);
void id_format(const struct id *id, char out[ID_TEXT_SIZE + 1]); /* lower case, with a NUL */
MUST_CHECK bool id_parse(struct slice text, struct id *out_id);  /* any UUID, any case */
int64_t id_wall_us(const struct id *id);                /* when it was made, to the millisecond */
int id_compare(const struct id *a, const struct id *b); /* as memcmp */

#endif
