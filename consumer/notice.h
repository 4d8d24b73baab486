/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the feed publishes of an event: noted in the batch while the event is read, made into a
 * message when it is stored.
 */
#ifndef HOLDFAST_CONSUMER_NOTICE_H
#define HOLDFAST_CONSUMER_NOTICE_H

#include "common/amqp/link.h"
#include "common/event/event.h"

struct batch;
struct batch_event;

#define NOTICE_NAME_MAX 255 /* bytes AMQP allows a routing key and a type */

struct notice {               /* places in the batch's texts */
    uint32_t key, type;       /* texts with their NULs */
    uint32_t line, line_size; /* size 0: the event's raw text is its line */
    uint16_t head;            /* of the line: what is before its fields */
    uint8_t priority;
    bool cut;         /* a name was longer */
    uint32_t binding; /* bindings.h: its key's */
};

/* What the feed knows of a batch it was given. */
struct feed_place {
    struct batch *next;
    size_t at;            /* the next event to publish */
    uint64_t first, last; /* tags of what was published, one run; 0 = none */
    size_t open;          /* of them not confirmed */
    size_t due;           /* events to be told */
};

void notice_write(struct notice *n, const struct log_event *read, struct buffer *texts);

/* Whether the event is to be told, now that its batch is stored. */
bool notice_is_due(const struct batch_event *e);

struct notice_text {
    char id[ID_TEXT_SIZE + 1];
    struct buffer line; /* owned; only for lines that are not as they came */
};

/* Everything but the exchange; lent by the batch and `text`. False when memory ran out. */
MUST_CHECK bool notice_message(const struct batch *b, const struct batch_event *e,
                               struct notice_text *text, struct link_message *out);

#endif
