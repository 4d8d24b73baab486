/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/counts.h"

#include "common/base/metrics.h"

static struct metric *counts[COUNT_KINDS];

void counts_register(void)
{
    static const char *const reasons[COUNT_KINDS] = {
        [COUNT_INVALID_JSON] = "reason=\"invalid_json\"",
        [COUNT_INVALID_EVENT] = "reason=\"invalid_event\"",
        [COUNT_TOO_LARGE] = "reason=\"too_large\"",
        [COUNT_UNAVAILABLE] = "reason=\"unavailable\"",
        [COUNT_CONFIRM_TIMEOUT] = "reason=\"confirm_timeout\"",
    };
    counts[COUNT_ACCEPTED] = metrics_counter("events_accepted_total", "", "Events answered 2xx.");
    for (int kind = COUNT_ACCEPTED + 1; kind < COUNT_KINDS; kind++)
        counts[kind] =
            metrics_counter("events_rejected_total", reasons[kind], "Events answered otherwise.");
}

void count_events(enum count kind, size_t events)
{
    metric_add(counts[kind], (int64_t)events);
}
