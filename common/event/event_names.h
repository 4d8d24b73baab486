/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names a field may have in what clients send: its own, and those the older systems gave it.
 * Private to event*.c.
 */
#ifndef HOLDFAST_EVENT_EVENT_NAMES_H
#define HOLDFAST_EVENT_EVENT_NAMES_H

#include "common/event/event.h"

/* As SLICE, where a constant initializer is needed. */
#define EVENT_TEXT(literal)                                                                        \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

struct event_name {
    struct slice text;
    enum event_field field;
    bool is_alias;
    bool in_seconds; /* the value is in seconds, the field in milliseconds */
};

#define EVENT_NAME_SLOTS 256

/* An open hash of the names: a slot holds a name's place in the list plus one, or 0. */
struct event_names {
    uint8_t slot[EVENT_NAME_SLOTS];
};

void event_names_init(struct event_names *n);

/* The name as a text, not escaped. NULL when no field has it. */
const struct event_name *event_names_at(size_t index); /* in turn; NULL behind the last */
const struct event_name *event_names_find(const struct event_names *n, struct slice text);

#endif
