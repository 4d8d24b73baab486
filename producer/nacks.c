/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/nacks.h"

#include "common/core/clock.h"

#define PATIENCE_BASE_NS (CLOCK_S / 2)
#define PATIENCE_CAP_NS  (60 * CLOCK_S)

void nacks_add(struct nacks *n, int64_t now_ns)
{
    if (n->since_ns != 0)
        return;
    n->patience.base_ns = PATIENCE_BASE_NS;
    n->patience.cap_ns = PATIENCE_CAP_NS;
    n->since_ns = now_ns;
    n->limit_ns = backoff_next(&n->patience);
}

void nacks_end(struct nacks *n)
{
    n->since_ns = 0;
    backoff_reset(&n->patience);
}

void nacks_void(struct nacks *n)
{
    n->since_ns = 0;
}

bool nacks_are_too_many(const struct nacks *n, int64_t now_ns)
{
    return n->since_ns != 0 && now_ns - n->since_ns >= n->limit_ns;
}
