/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a body ingest can read: the coding taken off, the form found, and with it the
 * shape of the events in it. One intake serves all requests of a process, one after another; what
 * it made is lent until the next.
 */
#ifndef HOLDFAST_PRODUCER_INTAKE_H
#define HOLDFAST_PRODUCER_INTAKE_H

#include "common/net/call.h"
#include "producer/ingest.h"

struct intake;

struct intake *intake_create(size_t body_bytes_max); /* NULL: no memory */
void intake_destroy(struct intake *k);

/* Each fills in all of *out. False: the call was answered (400, 413, 415, 422, 503). */
MUST_CHECK bool intake_read(struct intake *k, struct call *c, struct ingest_body *out);

/* The body is the payload of an event of that type, which is percent-encoded. */
MUST_CHECK bool intake_read_payload(struct intake *k, struct call *c, struct slice event_type,
                                    struct ingest_body *out);

/* OTLP logs: each record one line. */
MUST_CHECK bool intake_read_otlp(struct intake *k, struct call *c, struct ingest_body *out);

#endif
