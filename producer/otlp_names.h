/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of OTLP's objects. Its JSON has lowerCamelCase only, and a member nobody knows is to be
 * ignored; but one that is a known one spelt otherwise, or stands where the list of what is sent
 * should be, would lose without a sign what its sender holds for stored.
 */
#ifndef HOLDFAST_PRODUCER_OTLP_NAMES_H
#define HOLDFAST_PRODUCER_OTLP_NAMES_H

#include "common/event/event.h"

enum { OTLP_NO_LIST = -1 };

struct otlp_names {
    const char *const *names;
    size_t count;
    int list; /* the place of the one that holds what is sent; or OTLP_NO_LIST */
};

/* out[i] is the value of the member names[i]; where there is none, or null, its data is NULL.
 * False: *out_fault tells of a member, with its own pointer inside the object. */
MUST_CHECK bool otlp_pick(struct slice object, const struct otlp_names *names, struct slice *out,
                          struct event_fault *out_fault);

/* Whether the object has a member that is a known one spelt otherwise. */
bool otlp_is_misspelt(struct slice object, const char *const *names, size_t count);

#endif
