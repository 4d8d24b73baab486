/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the queue of events, put there by a command: one connection, and each message is
 * confirmed by the broker before requeue_put is through.
 */
#ifndef HOLDFAST_CLI_REQUEUE_H
#define HOLDFAST_CLI_REQUEUE_H

#include "common/app/config.h"

struct requeue;

/* Connects when the first message is put. The settings are lent; NULL: no memory. */
struct requeue *requeue_create(const struct config *c);
void requeue_destroy(struct requeue *q);

struct requeue_message {
    const char *id; /* the same whenever it is put: with it a consumer knows a JSON object again */
    struct slice body; /* a line of an event, or whatever another program had put on the queue */
};

/* False: requeue_reason says why, and some of them may be on the queue all the same; the consumer
 * stores each event once, however often it comes. */
MUST_CHECK bool requeue_put(struct requeue *q, const struct requeue_message *messages, size_t count,
                            int64_t deadline_ns);
const char *requeue_reason(const struct requeue *q);

#endif
