/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress line on stderr: only on a terminal, only after a second, five times a second at
 * most. Whoever prints something else meanwhile clears it first.
 */
#ifndef HOLDFAST_CLI_PROGRESS_H
#define HOLDFAST_CLI_PROGRESS_H

#include "common/core/slice.h"

struct progress { /* private */
    int64_t start_ns, drawn_ns;
    bool shown; /* the line is on the screen now */
    bool on;
};

struct progress_state {
    uint64_t events;
    uint64_t done_bytes, all_bytes; /* all_bytes 0: not known */
    const char *note;               /* what it waits for, or "" */
};

void progress_start(struct progress *p);
void progress_show(struct progress *p, const struct progress_state *state);
void progress_clear(struct progress *p);
int64_t progress_elapsed_ns(const struct progress *p);

/* "1234567" → "1,234,567" */
const char *progress_number(uint64_t n, char out[32]);

#endif
