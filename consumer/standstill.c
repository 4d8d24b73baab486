/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/standstill.h"

#include "common/core/buffer.h"
#include "common/core/clock.h"
#include "common/net/probes.h"

static void tell(const struct standstill *s, const struct probes *why)
{
    struct buffer reason = {0};
    (void)probes_are_well(why, &reason);
    buffer_add_byte(&reason, 0);
    log_error("standstill", "nothing is stored, messages wait in the queue",
              LOG_TEXT("reason", reason.failed ? "out of memory" : reason.data),
              LOG_INT("seconds", (clock_now_ns() - s->since_ns) / CLOCK_S));
    buffer_finish(&reason);
}

void standstill_look(struct standstill *s, bool storing, const struct probes *why)
{
    uint64_t held;
    if (storing) {
        *s = (struct standstill){0};
        return;
    }
    if (s->since_ns == 0)
        *s = (struct standstill){.since_ns = clock_now_ns(), .told.last_ns = clock_now_ns()};
    if (log_repeat_due(&s->told, &held))
        tell(s, why);
}
