/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/skew.h"

#include <stdio.h>

#include "common/core/clock.h"

#define US_PER_S INT64_C(1000000)

void skew_learn(struct skew *s, int64_t reference_us, int64_t asked_us, int64_t answered_us)
{
    const int64_t epoch_us = clock_epoch_us();
    const int64_t stepped_us = epoch_us - s->epoch_us;
    struct skew told = {.known = true,
                        .least_us = asked_us - reference_us,
                        .most_us = answered_us - reference_us,
                        .epoch_us = epoch_us};
    if (answered_us < asked_us)
        return;
    if (s->known && s->least_us + stepped_us <= told.most_us &&
        s->most_us + stepped_us >= told.least_us) {
        if (s->least_us + stepped_us > told.least_us)
            told.least_us = s->least_us + stepped_us;
        if (s->most_us + stepped_us < told.most_us)
            told.most_us = s->most_us + stepped_us;
    }
    *s = told;
}

int64_t skew_us(const struct skew *s)
{
    if (!s->known)
        return 0;
    const int64_t stepped_us = clock_epoch_us() - s->epoch_us;
    if (s->least_us + stepped_us > 0)
        return s->least_us + stepped_us;
    return s->most_us + stepped_us < 0 ? s->most_us + stepped_us : 0;
}

bool skew_is_too_much(const struct skew *s)
{
    const int64_t us = skew_us(s);
    return us > SKEW_MAX_US || us < -SKEW_MAX_US;
}

/* The two largest units say enough; what is between them is rounded. */
static void format_amount(int64_t us, char *out, size_t size)
{
    static const struct {
        const char *name, *names;
        int64_t us;
    } units[] = {
        {"day", "days", 86400 * US_PER_S},
        {"h", "h", 3600 * US_PER_S},
        {"min", "min", 60 * US_PER_S},
        {"s", "s", US_PER_S},
        {"ms", "ms", 1000},
        {"us", "us", 1},
    };
    const size_t last = sizeof units / sizeof units[0] - 1;
    size_t i = 0;
    while (i < last && us < units[i].us - units[i + 1].us / 2)
        i++;
    const int64_t unit_us = units[i < last ? i + 1 : last].us;
    const int64_t rounded_us =
        us > INT64_MAX - unit_us ? us : (us + unit_us / 2) / unit_us * unit_us;
    const int64_t count = rounded_us / units[i].us;
    const int64_t rest = rounded_us % units[i].us / unit_us;
    const int length = snprintf(out, size, "%lld %s", (long long)count,
                                count == 1 ? units[i].name : units[i].names);
    if (rest > 0)
        snprintf(out + length, size - (size_t)length, " %lld %s", (long long)rest,
                 units[i + 1].names);
}

void skew_format(int64_t skew_us, char out[SKEW_TEXT_SIZE + 1])
{
    char amount[40];
    if (skew_us == 0) {
        snprintf(out, SKEW_TEXT_SIZE + 1, "as the database's");
        return;
    }
    format_amount(skew_us < 0 ? -skew_us : skew_us, amount, sizeof amount);
    snprintf(out, SKEW_TEXT_SIZE + 1, "%s %s the database's", amount,
             skew_us < 0 ? "behind" : "ahead of");
}
