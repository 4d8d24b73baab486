/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbox gathers lines into messages, for each lane by itself and self-clocked: while few
 * messages of a lane are unconfirmed a line leaves immediately; otherwise lines gather, and leave
 * together when a confirm arrives or a message is full. Requests that arrive together share a
 * message (gathering.h).
 *
 * The outbox owns a message until it calls publish; the publisher gives it back with outbox_settle.
 * on_settled is called for a waiter when all messages that carry its lines are settled.
 */
#ifndef HOLDFAST_PRODUCER_OUTBOX_H
#define HOLDFAST_PRODUCER_OUTBOX_H

#include "producer/outbox_message.h"

struct event_base;
struct outbox;

struct outbox_handler {
    void (*publish)(void *arg, struct outbox_message *m); /* takes */
    void (*on_settled)(void *arg, struct outbox_waiter *waiter);
    void *publish_arg, *settled_arg;
};

struct outbox *outbox_create(struct event_base *base, size_t events_max, size_t bytes_max,
                             const struct outbox_handler *handler); /* NULL: no memory */
void outbox_destroy(struct outbox *o); /* the publisher has given all messages back */

bool outbox_has_room(const struct outbox *o, size_t events, size_t bytes);

/* False when memory ran out: the line is not taken. */
MUST_CHECK bool outbox_add(struct outbox *o, enum outbox_lane lane, struct slice line,
                           struct outbox_waiter *waiter);

void outbox_open(struct outbox *o, bool open); /* whether messages may leave; not at first */
void outbox_settle(struct outbox *o, struct outbox_message *m, enum outbox_outcome outcome);
void outbox_drop_unawaited(struct outbox *o); /* while not open */

size_t outbox_events(const struct outbox *o); /* held, sent ones included */
size_t outbox_bytes(const struct outbox *o);

#endif
