/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ingest*.c: the state, and the ways an item ends badly. */
#ifndef HOLDFAST_PRODUCER_INGEST_PRIVATE_H
#define HOLDFAST_PRODUCER_INGEST_PRIVATE_H

#include "common/event/event.h"
#include "producer/ingest.h"
#include "producer/twins.h"

/* Of the line of an event, which has more to say than what came: its defaults, ids, and in other
 * shapes some of it twice. RabbitMQ 4 takes no message above 16 MiB unless it is told to. */
#define INGEST_LINE_BYTES_MAX ((size_t)(16 * 1024 - 64) * 1024)

struct ingest {
    struct ingest_limits limits;
    struct event_reader *reader; /* owned */
    struct buffer text;
    struct buffer ids;  /* event_id and second id, made of the request's key */
    struct twins twins; /* of the elements the key is for */
    struct resend_list records;
    struct buffer turned;      /* the object an event in another shape became */
    struct ingest_item *items; /* owned */
    size_t capacity;
    /* Of the body at hand. */
    struct ingest_body body;
    bool (*step)(struct ingest *in); /* false: all is read */
    struct slice rest;               /* of the body's text, not yet read */
    size_t number;                   /* of the line that comes next */
    bool opened;                     /* the array's bracket is behind us */
    struct ingest_result result;
    size_t written;             /* faults in the text */
    struct event_faults faults; /* scratch */
};

/* Of the text from `at` to its end. */
struct ingest_span ingest_span_from(const struct ingest *in, size_t at);

/* What is known of the event for the sake of repetitions, which may be nothing. `value` is what it
 * was read from. */
void ingest_identify(struct ingest *in, const struct gate_value *value, struct log_event *e);

/* The faults are in in->faults. */
void ingest_refuse(struct ingest *in, struct ingest_item *item, int status, const char *slug);

void ingest_refuse_size(struct ingest *in, struct ingest_item *item);
void ingest_refuse_line(struct ingest *in, struct ingest_item *item);
void ingest_refuse_text(struct ingest *in, struct ingest_item *item, const char *detail,
                        size_t offset);
/* Not JSON; `before` is where the text that was scanned begins in the body. */
void ingest_refuse_verdict(struct ingest *in, struct ingest_item *item,
                           const struct gate_verdict *verdict, size_t before);
/* The same of what a shape made of the item. */
void ingest_refuse_turned(struct ingest *in, struct ingest_item *item,
                          const struct gate_verdict *verdict);

/* in->faults of what a shape made, in the words of what was sent. */
void ingest_tell(struct ingest *in);

#endif
