/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "common/core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_NS CLOCK_S
#define EVERY_NS (200 * CLOCK_MS)

void progress_start(struct progress *p)
{
    const char *term = getenv("TERM");
    *p = (struct progress){.start_ns = clock_now_ns()};
    p->on = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

int64_t progress_elapsed_ns(const struct progress *p)
{
    return clock_now_ns() - p->start_ns;
}

const char *progress_number(uint64_t n, char out[32])
{
    char digits[24];
    const int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *to = out;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

static void draw(const struct progress_state *s, double seconds)
{
    char events[32], rate[32];
    fprintf(stderr, "\r\033[K%s events  %s/s", progress_number(s->events, events),
            progress_number((uint64_t)((double)s->events / seconds), rate));
    if (s->all_bytes > 0 && s->done_bytes > 0) {
        const double part = (double)s->done_bytes / (double)s->all_bytes;
        fprintf(stderr, "  %.0f%%  %.0f s left", part * 100, seconds / part - seconds);
    }
    if (s->note[0])
        fprintf(stderr, "  waiting: %.80s", s->note);
    fflush(stderr);
}

void progress_show(struct progress *p, const struct progress_state *state)
{
    const int64_t now_ns = clock_now_ns();
    if (!p->on || now_ns - p->start_ns < FIRST_NS || now_ns - p->drawn_ns < EVERY_NS)
        return;
    p->drawn_ns = now_ns;
    p->shown = true;
    draw(state, (double)(now_ns - p->start_ns) / (double)CLOCK_S);
}

void progress_clear(struct progress *p)
{
    if (!p->shown)
        return;
    p->shown = false;
    fputs("\r\033[K", stderr);
}
