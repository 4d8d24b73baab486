/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/backoff.h"

#include <sys/random.h>

int64_t backoff_step(const struct backoff *b, uint32_t random)
{
    const int64_t last = b->last_ns < b->base_ns ? b->base_ns : b->last_ns;
    const int64_t top = last > b->cap_ns / 3 ? b->cap_ns : last * 3;
    const int64_t span = top - b->base_ns;
    return b->base_ns + (int64_t)((double)span * (double)random / (double)UINT32_MAX);
}

int64_t backoff_next(struct backoff *b)
{
    uint32_t random = 0;
    /* Without entropy the delay is the base: still a delay. */
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0;
    b->last_ns = backoff_step(b, random);
    b->tries++;
    return b->last_ns;
}

void backoff_reset(struct backoff *b)
{
    b->last_ns = 0;
    b->tries = 0;
}
