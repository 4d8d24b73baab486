/* SPDX-License-Identifier: Apache-2.0 */
/* An event while it is judged by the catalogue. Private to event*.c. */
#ifndef HOLDFAST_BASE_EVENT_JUDGING_H
#define HOLDFAST_BASE_EVENT_JUDGING_H

#include "common/base/event_reading.h"

/* What the type declares and where it was found. */
struct event_found {
    struct slice token; /* data NULL = absent */
    struct slice under; /* the name it came under, escapes as they came */
    bool in_payload;    /* there it lies already */
    bool refused;       /* a fault was told */
};

struct judging {
    struct reading *reading;
    const struct catalog_type *type;
    size_t field_count; /* of the type */
    enum event_level level;
    bool renamed; /* a member of the payload has an older name */
    struct event_found found[CATALOG_FIELDS_MAX];
    size_t beside_count; /* fields that lie beside the payload and end in it: */
    uint8_t beside[CATALOG_FIELDS_MAX];
};

/* Completes the payload by the declared fields that came beside it, and by defaults. */
void event_complete_payload(struct judging *j);
void event_set_routing_key(struct judging *j); /* unless the event brought one */
int event_find_declared(const struct catalog_type *t, const struct gate_member *m);

#endif
