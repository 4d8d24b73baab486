/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP logs in JSON. An ExportLogsServiceRequest becomes lines of our events, a record a
 * line:
 *
 *   eventName, or attribute event.name, or "log" -> event_type
 *   severityNumber, else severityText            -> severity
 *   timeUnixNano, else observedTimeUnixNano      -> occurred_at
 *   traceId, spanId                              -> trace_id, span_id
 *   attributes                                   -> payload
 *   body                                         -> payload.body, and description when it is text
 *   resource, scope, what else a record has      -> metadata
 *   service.name, service.version of the resource -> service, service_version
 *
 * A record has no identity of its own, and equal ones are several: what may be a repetition is
 * told by how its request ended (resends.h).
 */
#ifndef HOLDFAST_PRODUCER_OTLP_H
#define HOLDFAST_PRODUCER_OTLP_H

#include "common/event/event.h"
#include "common/net/call.h"
#include "producer/ingest.h"

enum otlp_result {
    OTLP_TURNED,
    OTLP_MALFORMED, /* *out_fault says where */
    OTLP_TOO_LARGE, /* resources and scopes stand in every record's line */
    OTLP_NO_MEMORY,
};

struct otlp_request {
    struct gate *gate;       /* lent; wide enough for a whole request */
    struct slice body;       /* lent */
    size_t bytes_max;        /* that are appended to out, about */
    size_t record_bytes_max; /* of a record as it came; the line of a larger one is as long */
    struct buffer *out;
};
struct otlp_turning;

/* In steps. The gate and the body are lent until otlp_end. */
MUST_CHECK struct otlp_turning *otlp_begin(const struct otlp_request *request); /* NULL: memory */
MUST_CHECK bool otlp_step(struct otlp_turning *t);                              /* false: over */
enum otlp_result otlp_end(struct otlp_turning *t, struct event_fault *out_fault);

/* All of them. */
MUST_CHECK enum otlp_result otlp_turn(const struct otlp_request *request,
                                      struct event_fault *out_fault);

/* {} or partialSuccess. Returns the status. */
int otlp_write_answer(const struct ingest *in, const struct ingest_result *result,
                      struct buffer *out);

/* Problems in the form of google.rpc.Status. */
extern const struct call_style otlp_style;

#endif
