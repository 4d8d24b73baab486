/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event. Its fields are those of schema/event.columns: the struct, the names, the checks, the
 * line on the queue and the columns come from the lists in schema/event_fields.h.
 *
 * (The struct is called log_event because libevent owns the tag `event`.)
 *
 * A client's object becomes a struct log_event by event_read; event_write_line makes the normalised
 * line of it that travels on the queue (event_line.c tells its format); event_read_line reads that.
 */
#ifndef HOLDFAST_EVENT_EVENT_H
#define HOLDFAST_EVENT_EVENT_H

#include "common/core/buffer.h"
#include "common/core/digest.h"
#include "common/core/id.h"
#include "common/json/gate.h"
#include "schema/event_fields.h"

enum event_field {
#define X(symbol, name, kind, limit) EVENT_FIELD_##symbol,
    EVENT_FIELDS(X)
#undef X
        EVENT_FIELD_COUNT
};

enum event_kind {
    EVENT_KIND_TEXT,     /* a string; a number or boolean is taken as its text */
    EVENT_KIND_SEVERITY, /* a level or an alias; canonical in struct log_event */
    EVENT_KIND_TIME,     /* RFC 3339; canonical (27 characters, UTC) in struct log_event */
    EVENT_KIND_TAGS,     /* array of at most 64 strings of at most 100 characters */
    EVENT_KIND_DURATION, /* number, finite, not negative */
    EVENT_KIND_BOOLEAN,
    EVENT_KIND_POSITIVE, /* whole number, 1 to 2^63-1 */
    EVENT_KIND_PRIORITY, /* 0 to 9 */
    EVENT_KIND_OBJECT,
};

/* An event at or above this priority takes the urgent lane. */
#define EVENT_PRIORITY_URGENT  7
#define EVENT_PRIORITY_DEFAULT 5

/* Bytes of {"id":"…","received_at":"…" at the head of a line. */
#define EVENT_LINE_PREFIX 88
#define EVENT_SAID_SIZE   (DIGEST_SIZE / 2)

/* The member of metadata in which fields of a newer version's line are kept. */
#define EVENT_NEWER_NAME "newer_fields"

struct log_event {
    struct id id;        /* made at acceptance */
    int64_t received_at; /* µs, wall clock */
    bool has_said;
    uint8_t said[EVENT_SAID_SIZE]; /* for the consumer, as is `also`: event_line.c */
    size_t newer;                  /* fields of its line that this version does not know */
    struct slice also;             /* a JSON string; data NULL = none; only with `said` */
    /* The JSON token of each field, canonical where the kind says so; data NULL when absent. Lent
     * by the text that was read and by the reader, until its next read. */
    struct slice field[EVENT_FIELD_COUNT];
};

/* One fault of one event. Strings are static or inside. */
struct event_fault {
    char pointer[256];
    char detail[256];
};

#define EVENT_FAULTS_MAX 16 /* told per event; there may be more */

struct event_faults {
    struct event_fault fault[EVENT_FAULTS_MAX];
    size_t count;
};

struct event_reader; /* a gate and scratch memory */

struct event_reader *event_reader_create(const struct gate_limits *limits);
void event_reader_destroy(struct event_reader *r);
struct catalog_choice;
/* What events are judged by from now on: lent; without it no type is known. */
void event_reader_use(struct event_reader *r, const struct catalog_choice *catalog);

/*
 * A client's object -> event: aliases resolved, fields checked, unknown members gathered under
 * metadata, the catalogue's checks made and its defaults set (else severity info, priority 5,
 * routing_key events.<type>). All faults are told; none: memory ran out. id and received_at are
 * left for the caller. */
MUST_CHECK bool event_read(struct event_reader *r, const struct gate_value *object,
                           struct log_event *out, struct event_faults *out_faults);

/* A normalised line -> event with its head; faults likewise. What event_read takes under the same
 * limits is read back, though unknown members lie one level deeper in the line. */
MUST_CHECK bool event_read_line(struct event_reader *r, struct slice line, struct log_event *out,
                                struct event_faults *out_faults);

/* Fills in what the object the event was read from says. False: no memory. */
MUST_CHECK bool event_set_said(struct event_reader *r, const struct gate_value *object,
                               struct log_event *e);

/* The gate of the reader, to scan what is then given to event_read. */
struct gate *event_reader_gate(struct event_reader *r);

/* Appends the normalised line with its \n. */
void event_write_line(const struct log_event *e, struct buffer *out);
size_t event_head_size(const struct log_event *e); /* of its line: what is before the fields */

/* Tokens to values. The field must be present and have come out of a reader. */
int event_priority(const struct log_event *e);
int64_t event_integer(const struct log_event *e, enum event_field f);
int64_t event_time(const struct log_event *e, enum event_field f); /* µs */
double event_number(const struct log_event *e, enum event_field f);
void event_add_text(struct slice string_token, struct buffer *out); /* appends it unescaped */

/* Walks a TAGS token: each call moves *rest and lends the next string token; false at the end. */
bool event_next_tag(struct slice *rest, struct slice *out_token);

const char *event_field_name(enum event_field f);
enum event_kind event_field_kind(enum event_field f);

#endif
