/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of text somebody else owns. Never NUL-terminated by promise; the lender says how long it
 * lives. An absent piece has data == NULL.
 */
#ifndef HOLDFAST_CORE_SLICE_H
#define HOLDFAST_CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* To print a slice: printf("%.*s", SLICE_ARGS(s)). */
#define SLICE_ARGS(s) ((int)(s).size), ((s).data ? (s).data : "")

struct slice slice_of(const char *text);
bool slice_equals(struct slice a, struct slice b);
bool slice_equals_nocase(struct slice a, struct slice b);
struct slice slice_trim(struct slice s);

/* Whole slice as a decimal number, digits only; false when empty, not digits or above max. */
MUST_CHECK bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out_value);

#endif
