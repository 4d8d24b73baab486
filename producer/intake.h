/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a body ingest can read, in steps: the coding taken off, the form found, and
 * with it the shape of the events in it. One intake serves requests one after another; what it made
 * is lent until its end.
 */
#ifndef HOLDFAST_PRODUCER_INTAKE_H
#define HOLDFAST_PRODUCER_INTAKE_H

#include "common/net/call.h"
#include "producer/ingest.h"

struct intake;

struct intake *intake_create(size_t body_bytes_max, size_t event_bytes); /* NULL: no memory */
void intake_destroy(struct intake *k);

enum intake_door {
    INTAKE_LOG,
    INTAKE_PAYLOAD, /* the body is the payload of an event whose type is in the path */
    INTAKE_OTLP,    /* OTLP logs: each record one line */
};

struct intake_request {
    struct call *call;
    enum intake_door door;
    struct slice event_type; /* of a payload: percent-encoded; lent as the call is */
};

enum intake_progress {
    INTAKE_MORE,     /* there is another step */
    INTAKE_READ,     /* *out is the body */
    INTAKE_ANSWERED, /* with 400, 413, 415, 422 or 503 */
};

MUST_CHECK bool intake_begin(struct intake *k,
                             const struct intake_request *request); /* false: answered */
MUST_CHECK enum intake_progress intake_step(struct intake *k, struct ingest_body *out);
void intake_end(struct intake *k); /* at any time: what it made is not needed any more */

#endif
