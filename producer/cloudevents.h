/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloudEvents 1.0.2 over HTTP: structured (also what a batch consists of) and binary.
 *
 *   type -> event_type, time -> occurred_at, source -> source, data -> payload,
 *   source and id -> event_id, every other attribute -> metadata, traceparent -> trace and span
 *
 * Data that is not an object lies in payload.data, or payload.data_base64 as it came.
 */
#ifndef HOLDFAST_PRODUCER_CLOUDEVENTS_H
#define HOLDFAST_PRODUCER_CLOUDEVENTS_H

#include "common/net/call.h"
#include "producer/shape.h"

extern const struct shape cloudevents_structured;

/* The attributes of an event in binary mode; the value turned is its data. Lent until the next
 * request. */
struct cloudevents_binary {
    struct shape shape;
    struct gate_member *attributes; /* owned */
    size_t count;
    bool is_base64;     /* the data is a string of that */
    struct buffer text; /* of names and values */
    struct buffer data; /* that was not JSON */
};

void cloudevents_binary_finish(struct cloudevents_binary *b);

bool cloudevents_is_binary(const struct call *c);

/* Reads the headers; *text is the body, and becomes the JSON text of the data. False: 400, and
 * out_fault says why. */
MUST_CHECK bool cloudevents_read_binary(struct cloudevents_binary *b, const struct call *c,
                                        struct slice *text, struct event_fault *out_fault);

#endif
