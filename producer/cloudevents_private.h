/* SPDX-License-Identifier: Apache-2.0 */
/* Inside cloudevents*.c: what the modes share. */
#ifndef HOLDFAST_PRODUCER_CLOUDEVENTS_PRIVATE_H
#define HOLDFAST_PRODUCER_CLOUDEVENTS_PRIVATE_H

#include "producer/shape.h"

/* As shape.turn, of an event's members in JSON format. */
bool cloudevents_turn(const struct gate_member *members, size_t count, struct buffer *out,
                      struct event_faults *out_faults);

/* As shape.tell: in terms of the members. */
void cloudevents_tell(const struct shape *s, struct event_fault *fault);

#endif
