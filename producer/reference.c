/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/reference.h"

#include <stdio.h>

#include "common/core/clock.h"

#define MADE_US INT64_C(1735689600000000) /* 2025-01-01T00:00:00Z, before any release */

void reference_learn(struct reference *r, int64_t database_us, int64_t asked_us,
                     int64_t answered_us)
{
    skew_learn(&r->skew, database_us, asked_us, answered_us);
    r->learned_ns = clock_now_ns();
}

const char *reference_refusal(struct reference *r)
{
    char words[SKEW_TEXT_SIZE + 1];
    const int64_t now_us = clock_wall_us();
    if (now_us < MADE_US) {
        char time[CLOCK_TEXT_SIZE + 1];
        clock_format(now_us, time);
        snprintf(r->text, sizeof r->text,
                 "this machine's clock says %s, which is before this program was built", time);
        return r->text;
    }
    if (!skew_is_too_much(&r->skew))
        return NULL;
    skew_format(skew_us(&r->skew), words);
    snprintf(r->text, sizeof r->text, "this machine's clock is %s", words);
    return r->text;
}

void reference_watch(struct reference *r)
{
    uint64_t held = 0;
    if (r->skew.known && clock_now_ns() - r->learned_ns > REFERENCE_NS)
        r->skew = (struct skew){0};
    const char *refusal = reference_refusal(r);
    if (refusal == NULL && r->refusals.last_ns != 0) {
        log_info("clock_right", "the clock is right again: events are accepted");
        log_repeat_reset(&r->refusals);
    } else if (refusal != NULL && log_repeat_due(&r->refusals, &held)) {
        log_error("clock_wrong", "no events are accepted until the clock is right",
                  LOG_TEXT("reason", refusal));
    }
}
