/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/timekeeper.h"

#include <stdio.h>

#include "common/app/log.h"
#include "common/net/probes.h"
#include "consumer/meters.h"

#define TEXT_SIZE (SKEW_TEXT_SIZE + 32)

static void describe(const struct timekeeper *t, char out[TEXT_SIZE])
{
    char skew[SKEW_TEXT_SIZE + 1];
    skew_format(skew_us(&t->skew), skew);
    snprintf(out, TEXT_SIZE, "this machine's clock is %s", skew);
}

bool timekeeper_is_right(const struct timekeeper *t)
{
    return !skew_is_too_much(&t->skew);
}

bool timekeeper_look(struct timekeeper *t, const struct meters *m)
{
    char text[TEXT_SIZE];
    const bool was_wrong = t->was_wrong;
    t->was_wrong = !timekeeper_is_right(t);
    metric_set(m->clock_skew, skew_us(&t->skew) / 1000000);
    if (was_wrong == t->was_wrong)
        return false;
    describe(t, text);
    if (t->was_wrong)
        log_error("clock_wrong",
                  "the clock is wrong: messages stay in the queue until it is right; set it, and "
                  "let NTP keep it (chrony, systemd-timesyncd)",
                  LOG_TEXT("reason", text));
    else
        log_info("clock_right", "the clock is right again");
    return was_wrong;
}

void timekeeper_report(const struct timekeeper *t, struct probe_report *report)
{
    char text[TEXT_SIZE];
    const bool right = timekeeper_is_right(t);
    describe(t, text);
    probe_check(report, "clock", right ? PROBE_HEALTHY : PROBE_UNHEALTHY, right ? NULL : text);
}
