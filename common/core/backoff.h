/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next try: decorrelated jitter. Each delay is drawn between `base` and
 * three times the one before, never above `cap`, so that many clients of one dead server do not
 * come back together.
 */
#ifndef HOLDFAST_CORE_BACKOFF_H
#define HOLDFAST_CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t base_ns;
    int64_t cap_ns;
    int64_t last_ns; /* 0 before the first failure */
    unsigned tries;  /* failures since the last success */
};

int64_t backoff_next(struct backoff *b); /* ns to wait; counts a failure */
void backoff_reset(struct backoff *b);   /* after a success */

/* The pure step, for tests: `random` is uniform over all of uint32_t. */
int64_t backoff_step(const struct backoff *b, uint32_t random);

#endif
