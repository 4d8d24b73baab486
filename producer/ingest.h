/* SPDX-License-Identifier: Apache-2.0 */
/* From the body of a request to normalised lines, each event with its result: in steps, so that a
 * large body does not block the loop, or in one go. The result is lent until it is dropped. */
#ifndef HOLDFAST_PRODUCER_INGEST_H
#define HOLDFAST_PRODUCER_INGEST_H

#include "common/json/gate.h"
#include "producer/resends.h"
#include "producer/shape.h"

struct ingest_limits {
    struct gate_limits gate;              /* of each event */
    size_t event_bytes, batch_events;     /* of an event as it came; of a body */
    const struct catalog_choice *catalog; /* lent; NULL = no type is known */
    struct resends *resends;              /* lent; NULL = no event comes again without an id */
};

/* An event or an array of them; an event a line; one event, even if it is an array. */
enum ingest_form { INGEST_JSON, INGEST_LINES, INGEST_ONE };
struct ingest_body {
    struct slice text;
    enum ingest_form form;
    const struct shape *shape;      /* of the events */
    struct slice key;               /* Idempotency-Key: checked, without quotes; data NULL = none */
    size_t came_bytes;              /* of the one event, when the text is larger; or 0 */
    bool comes_again;               /* its events may, and have no ids: resends.h */
    struct slice trace_id, span_id; /* JSON strings for events without trace_id, or data NULL */
};

struct ingest_span { /* for ingest_text */
    size_t at, size;
};
struct ingest_item {
    int status;                  /* 202 good; 400 not JSON; 413 too large; 422 wrong fields */
    const char *slug;            /* bad: of the problem */
    size_t number;               /* of the line, from 1; 0 when the body was not lines */
    bool urgent;                 /* good, like the next three */
    unsigned type;               /* its place in the counts */
    struct ingest_span line;     /* normalised, with its \n */
    struct ingest_span event_id; /* a JSON string */
    struct ingest_span faults;   /* bad: problem entries, {"pointer":…},… */
    size_t fault_count;          /* of those entries */
};

struct ingest_result {
    bool single;                      /* one event that stands alone */
    bool too_many, no_memory, broken; /* broken: what follows could not be read */
    size_t count, good;
    const struct ingest_item *items;
    size_t line_bytes;           /* of all good lines */
    size_t faults;               /* found in all; not all are written out */
    int64_t received_at;         /* of all events, µs */
    struct resend_list *records; /* that may come again; lent to be moved from */
};

struct ingest *ingest_create(const struct ingest_limits *limits); /* NULL: no memory */
void ingest_destroy(struct ingest *in);
void ingest_begin(struct ingest *in, const struct ingest_body *body); /* copied; its text is lent */
bool ingest_step(struct ingest *in); /* reads an event or so; false: all is read */
void ingest_end(struct ingest *in, struct ingest_result *out);
void ingest_drop(struct ingest *in); /* what was not handed on can come again; as does begin */
void ingest_read(struct ingest *in, const struct ingest_body *body, struct ingest_result *out);
struct slice ingest_text(const struct ingest *in, struct ingest_span span);

#endif
