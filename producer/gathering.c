/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gathering.h"

#include <assert.h>

void gathering_answered(struct gathering *g, size_t requests, int64_t now_ns)
{
    if (now_ns >= g->until_ns)
        g->due = 0;
    g->due += requests;
    g->until_ns = now_ns + (int64_t)g->due * GATHERING_NS_EACH;
}

void gathering_came(struct gathering *g)
{
    if (g->due > 0)
        g->due--;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t gathering_look(struct gathering *g, size_t events, int64_t now_ns)
{
    assert(events > 0);
    if (g->seen == 0)
        g->begun_ns = now_ns;
    const int64_t end_ns = g->begun_ns + GATHERING_NS_MAX;
    const size_t seen = g->seen;
    g->seen = events;
    if (now_ns >= end_ns)
        return GATHERING_ENDS;
    if (g->due > 0 && now_ns < g->until_ns)
        return least(g->until_ns, end_ns) - now_ns;
    return events == seen ? GATHERING_ENDS : 0;
}

void gathering_end(struct gathering *g)
{
    g->seen = 0;
}
