/* SPDX-License-Identifier: Apache-2.0 */
/* An event while it is judged by the catalogue. Private to event*.c. */
#ifndef HOLDFAST_EVENT_EVENT_JUDGING_H
#define HOLDFAST_EVENT_EVENT_JUDGING_H

#include <assert.h>

#include "common/event/event_reading.h"

/* What the type declares and where it was found. */
struct event_found {
    struct slice token;
    struct slice under; /* the name it came under, escapes as they came */
    bool in_payload;    /* there it lies already */
};

static_assert(CATALOG_FIELDS_MAX <= 64, "a set of fields is a word");

struct judging {
    struct reading *reading;
    const struct catalog_type *type;
    enum event_level level;
    bool renamed;                                 /* a member of the payload has an older name */
    uint64_t there;                               /* fields that came, a bit a place */
    uint64_t refused;                             /* of those, the ones a fault was told of */
    struct event_found found[CATALOG_FIELDS_MAX]; /* of those that are there */
    size_t beside_count; /* fields that lie beside the payload and end in it: */
    uint8_t beside[CATALOG_FIELDS_MAX];
};

static inline uint64_t event_bit(size_t place)
{
    return UINT64_C(1) << place;
}

/* Completes the payload by the declared fields that came beside it, and by defaults. */
void event_complete_payload(struct judging *j);
void event_set_routing_key(struct judging *j); /* unless the event brought one */
int event_find_declared(const struct catalog_type *t, const struct gate_member *m);

#endif
