/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client is told about what it sent: the texts of 202 and 207, given once the broker has
 * confirmed, and the problems.
 */
#ifndef HOLDFAST_PRODUCER_ANSWER_H
#define HOLDFAST_PRODUCER_ANSWER_H

#include "common/net/call.h"
#include "producer/ingest.h"

/* Appends the body to be sent when all good events are held. Returns its status: 202 or 207. */
int answer_write(const struct ingest *in, const struct ingest_result *result, struct buffer *out);

/* Nothing is taken because of the faults. Ends the call; returns the status. */
void answer_faults(struct call *c, const struct ingest *in, const struct ingest_result *result);

/* 503 with Retry-After. Ends the call. */
void answer_unavailable(struct call *c, const char *slug, const char *detail);

#endif
