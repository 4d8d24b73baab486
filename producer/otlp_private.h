/* SPDX-License-Identifier: Apache-2.0 */
/* Inside otlp*.c: a request being turned, and a record of it. */
#ifndef HOLDFAST_PRODUCER_OTLP_PRIVATE_H
#define HOLDFAST_PRODUCER_OTLP_PRIVATE_H

#include "producer/otlp.h"

enum record_field {
    TIME,
    OBSERVED,
    NUMBER,
    TEXT,
    BODY,
    ATTRIBUTES,
    TRACE,
    SPAN,
    EVENT_NAME,
    FLAGS,
    DROPPED,
    RECORD_FIELDS,
};

/* One request being turned. */
struct otlp_turning {
    struct otlp_request request;
    bool scanned, begun;
    struct slice resource_list, scope_list, record_list; /* what is left of them */
    size_t resources, scopes;                            /* begun */
    struct buffer *out;
    size_t end;                              /* of out, at most */
    size_t resource_at, scope_at, record_at; /* places in the lists, for the fault */
    struct buffer resource, scope;           /* what every record's metadata says of them */
    struct slice service, service_version;   /* JSON strings; data NULL = absent */
    struct slice field[RECORD_FIELDS];       /* of the record; data NULL = absent */
    struct event_fault fault;
    enum otlp_result result;
};

/* Absent is of every kind. */
static inline bool otlp_has_kind(struct slice token, enum gate_kind kind)
{
    return token.data == NULL || gate_kind_of(token.data[0]) == kind;
}

/* The fault lies in the present scope, at the pointer `name`. Returns false. */
bool otlp_refuse_scope(struct otlp_turning *t, const char *name, const char *detail);

/* Writes its line. False: t->result says why. */
MUST_CHECK bool otlp_add_record(struct otlp_turning *t, struct slice record);

#endif
