/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message on its way from the outbox to the broker: lines of many requests, and who waits for
 * them. It has one owner at a time and stands on one list at a time.
 */
#ifndef HOLDFAST_PRODUCER_OUTBOX_MESSAGE_H
#define HOLDFAST_PRODUCER_OUTBOX_MESSAGE_H

#include "common/core/buffer.h"
#include "common/core/id.h"

enum outbox_lane { OUTBOX_NORMAL, OUTBOX_URGENT, OUTBOX_LANES };

/* Worse ones are greater. */
enum outbox_outcome {
    OUTBOX_HELD,    /* confirmed: on disk at the broker */
    OUTBOX_REFUSED, /* the broker said no, or had no queue for it */
    OUTBOX_DROPPED, /* never sent */
};

/* Embedded in what waits; all zero at first. */
struct outbox_waiter {
    size_t pending; /* messages not settled that carry its lines */
    enum outbox_outcome worst;
    bool gone; /* set by its owner: nobody needs the outcome any more */
};

struct outbox_message {
    struct outbox_message *next; /* on its list */
    char id[ID_TEXT_SIZE + 1];
    enum outbox_lane lane;
    struct buffer body;
    size_t events;
    struct outbox_waiter **waiters; /* owned array of lent ones */
    size_t waiter_count, waiter_capacity;
    uint64_t number; /* the publisher's: of its receipt; 0: not followed */
    int64_t sent_ns; /* the publisher's: when it went out */
};

bool outbox_is_awaited(const struct outbox_message *m);

struct message_list { /* all zero is an empty one */
    struct outbox_message *first, *last;
};

void message_list_push(struct message_list *l, struct outbox_message *m);
struct outbox_message *message_list_pop(struct message_list *l); /* NULL: empty */
struct message_list message_list_take(struct message_list *l);   /* all of them; l is empty then */
void message_list_append(struct message_list *l, struct message_list *tail); /* empties tail */

#endif
