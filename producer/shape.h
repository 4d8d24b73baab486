/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that come in another form than ours. A shape turns one such value, which the gate has
 * accepted, into the object that POST /log would have been sent for it; that goes through the gate
 * again and then the way of every event. Rejected: filling struct log_event directly, which would
 * be a second set of rules for the same fields.
 *
 * What is written keeps the sender's names where ours has an alias, so that a fault points at what
 * was sent; where it does not, tell() says it in the sender's words.
 */
#ifndef HOLDFAST_PRODUCER_SHAPE_H
#define HOLDFAST_PRODUCER_SHAPE_H

#include "common/core/buffer.h"
#include "common/event/event.h"

struct shape {
    /* Writes the object; nothing when the value is one of ours as it is. False: the faults. */
    bool (*turn)(const struct shape *s, const struct gate_value *value, struct buffer *out,
                 struct event_faults *out_faults);
    /* A fault of what turn() wrote. NULL: the pointer is right. */
    void (*tell)(const struct shape *s, struct event_fault *fault);
};

/* Our events, and a bare string for {"message":string,"type":"log"}. */
extern const struct shape shape_plain;

/* The payload of an event of a type that is known. Members that every event has are its fields
 * too. */
struct shape_payload {
    struct shape shape;
    struct slice event_type; /* a JSON string; lent */
};

void shape_payload_init(struct shape_payload *s, struct slice event_type);

/* For shapes: ,"name":token with the comma where one is needed. */
void shape_add(struct buffer *out, const char *name, struct slice token);

/* Told unless enough was told already. */
void shape_fault(struct event_faults *faults, const char *pointer, const char *detail);

/* The pointer's first steps `from`, if it has them, become `to`. */
bool shape_move(struct event_fault *fault, const char *from, const char *to);

#endif
