/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of one field's value: a token as the client sent it -> the canonical token, or a fault.
 * Private to event*.c.
 */
#ifndef HOLDFAST_EVENT_EVENT_VALUE_H
#define HOLDFAST_EVENT_EVENT_VALUE_H

#include "common/event/event.h"
#include "common/event/event_names.h"

/* Bytes event_value_read may add to the scratch beyond the size of the token. */
#define EVENT_VALUE_GROWTH 40

/* A routing key travels as an AMQP short string. */
#define EVENT_ROUTING_KEY_BYTES_MAX 255
/* Of its token: what fits may be escapes of six bytes each. */
#define EVENT_ROUTING_KEY_ROOM      (EVENT_ROUTING_KEY_BYTES_MAX * 6 + 2)

struct event_given {
    const struct event_name *name; /* which field, and under which of its names */
    struct slice token;
    enum gate_kind kind; /* of the token; not null */
};

/*
 * The canonical token lies in the token, in static memory or in the scratch, which has room for
 * it: tokens made there earlier stay where they are. On false out_fault->detail is set, and its
 * pointer, empty when given, leads from the value to the fault.
 */
MUST_CHECK bool event_value_read(const struct event_given *given, struct buffer *scratch,
                                 struct slice *out_token, struct event_fault *out_fault);

const char *event_kind_with_article(enum gate_kind kind); /* "a string", "an object", … */

/* The text of a string body: itself when nothing in it is escaped, else unescaped into room.
 * Absent when it does not fit. */
struct slice event_plain_text(struct slice body, char *room, size_t size);

#endif
