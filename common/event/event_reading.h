/* SPDX-License-Identifier: Apache-2.0 */
/* An event while it is read: what the files of the reader share. Private to event*.c. */
#ifndef HOLDFAST_EVENT_EVENT_READING_H
#define HOLDFAST_EVENT_EVENT_READING_H

#include "common/event/catalog.h"
#include "common/event/catalog_type.h"
#include "common/event/event_names.h"
#include "common/event/event_value.h"
#include "common/json/canonical.h"

struct event_reader {
    struct canonical canonical;
    struct gate *gate;                    /* of what clients send */
    struct gate *line_gate;               /* of lines */
    const struct catalog_choice *catalog; /* lent; NULL = no type is known */
    struct event_names names;
    struct buffer scratch; /* tokens of the event */
    struct buffer extra;   /* its unknown members as an object, still open */
    struct buffer payload; /* its payload, when it is not as it came */
    struct buffer unknown; /* places of its unknown members, uint32_t each */
};

struct reading {
    struct event_reader *reader;
    const struct gate_value *object;
    struct event_faults *faults;
    const struct catalog_type *type; /* what the catalogue says of it; NULL = nothing */
    struct log_event event;
    const struct event_name *given[EVENT_FIELD_COUNT]; /* under which name a field came */
    bool no_memory;                                    /* the event is not at fault */
};

MUST_CHECK bool event_must_be_object(const struct gate_value *value,
                                     struct event_faults *out_faults);
MUST_CHECK bool event_begin(struct reading *x);
void event_read_field(struct reading *x, const struct event_name *name,
                      const struct gate_member *m);
void event_note_unknown(struct reading *x, size_t index); /* the member at this place */
void event_gather_newer(struct reading *x); /* of a line: into metadata.EVENT_NEWER_NAME */
MUST_CHECK bool event_finish(struct reading *x, struct log_event *out);

size_t event_unknown_count(const struct reading *x);
const struct gate_member *event_unknown_at(const struct reading *x, size_t i);

/* A fault at the member `name`, of the whole when it has no data. NULL when enough was told. */
struct event_fault *event_add_fault(struct event_faults *faults, struct slice name);
void event_say(struct event_faults *faults, struct slice name, const char *detail);
void event_say_inside(struct event_faults *faults, struct slice name, /* its pointer's start */
                      const struct event_fault *found);
/* What is not there, and which member may have been meant for it. */
void event_say_missing(struct reading *x, struct slice name, const char *detail);
/* Of a refused event: the other members that look like misspelled ones. */
void event_suggest(struct reading *x);

/* The name the client gave the payload: "payload", "data", … */
struct slice event_payload_name(const struct reading *x);
void event_judge(struct reading *x); /* by the catalogue: its type, checks, defaults */

#endif
