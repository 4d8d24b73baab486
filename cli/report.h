/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's findings: what was probed, with which result, how long it took, how to fix it. */
#ifndef HOLDFAST_CLI_REPORT_H
#define HOLDFAST_CLI_REPORT_H

#include "common/core/slice.h"

enum report_state {
    REPORT_OK,
    REPORT_NOTE, /* works, but the operator should know */
    REPORT_FAILED,
    REPORT_AWAY, /* failed because a server does not answer */
    REPORT_SKIPPED,
};

#define REPORT_ROWS_MAX 24

struct report_row {
    const char *name; /* static */
    enum report_state state;
    int64_t took_ns;
    char detail[512];
    char mend[512]; /* "" = nothing to be done */
};

struct report { /* all zero is an empty one */
    struct report_row row[REPORT_ROWS_MAX];
    size_t count;
    int64_t begun_ns; /* of the row being worked on */
};

/* A row is begun, then found; a mend may follow. Everything found is the row begun last. */
void report_begin(struct report *r, const char *name);
void report_find(struct report *r, enum report_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_mend(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

void report_print(const struct report *r);
void report_print_json(const struct report *r);
int report_exit_code(const struct report *r);

#endif
