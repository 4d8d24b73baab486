/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers to requests with events: the bodies of 202 and 207, sent once the broker has
 * confirmed, and the problems.
 */
#ifndef HOLDFAST_PRODUCER_ANSWER_H
#define HOLDFAST_PRODUCER_ANSWER_H

#include "common/net/call.h"
#include "producer/ingest.h"

/* Appends the body to be sent when all good events are confirmed. Returns its status: 202 or 207.
 */
int answer_write(const struct ingest *in, const struct ingest_result *result, struct buffer *out);

/* Nothing is taken because of the faults. Ends the call. */
void answer_faults(struct call *c, const struct ingest *in, const struct ingest_result *result);

/* One fault of a whole body, in words of ours. Ends the call. */
struct answer_fault {
    const char *pointer, *detail;
};
void answer_fault(struct call *c, int status, const char *slug, const struct answer_fault *fault);

/* 503 with Retry-After. Ends the call. */
void answer_unavailable(struct call *c, const char *slug, const char *detail);

#endif
