/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suggestion for a misspelt word: the nearest word of a list, when it is near enough to be a
 * typing error.
 */
#ifndef HOLDFAST_CORE_NEAR_H
#define HOLDFAST_CORE_NEAR_H

#include "common/core/slice.h"

struct near {
    struct slice word;  /* what was written */
    struct slice found; /* the nearest so far; data NULL = none */
    size_t distance;    /* of found */
};

struct near near_start(struct slice word);
void near_offer(struct near *n, struct slice candidate);

bool near_is(struct slice word, struct slice candidate); /* one alone */

#endif
