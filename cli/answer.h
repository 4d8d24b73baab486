/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the producer's answers say: how many were taken, and which lines were refused and why -
 * from the status per item of a 207 or from the `errors` of a problem document. Pure.
 */
#ifndef HOLDFAST_CLI_ANSWER_H
#define HOLDFAST_CLI_ANSWER_H

#include "common/core/slice.h"

/* `line` counts from 1 within the request; 0 when the fault is not of one line. */
typedef void (*answer_fault_fn)(void *arg, size_t line, const char *text);

struct answer {
    bool readable;      /* it is a JSON object */
    size_t refused;     /* lines, of items or as the answer counts them */
    char detail[300];   /* the problem in a sentence, or "" */
    char event_id[256]; /* of a single event, or "" */
    char status[32];    /* "healthy", …, or "" */
    char version[64];
    char timestamp[40]; /* of a health answer */
    char checks[300];   /* those of a health answer that are not healthy, "name: detail" */
};

/* Calls fn for each refused line (fn may be NULL). */
void answer_read(struct slice body, answer_fault_fn fn, void *arg, struct answer *out);

#endif
