/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the outbox and the broker: publishes messages, matches confirms to them, publishes again
 * after a reconnect what was not confirmed. A message comes from publisher_publish and goes back
 * through outbox_settle, once.
 */
#ifndef HOLDFAST_PRODUCER_PUBLISHER_H
#define HOLDFAST_PRODUCER_PUBLISHER_H

#include "common/amqp/link.h"
#include "producer/outbox.h"

struct follow;
struct loop;
struct publisher;
struct topology;

void publisher_register(void); /* metrics, before workers fork */

struct publisher_options {
    const struct link_options *link; /* lent */
    struct topology *topology;       /* lent */
    int64_t confirm_timeout_ns;
};

struct publisher *publisher_create(struct loop *loop, const struct publisher_options *options);
void publisher_start(struct publisher *p, struct outbox *outbox); /* lent; connects */

/* Closes the link in order, then calls fn. Messages not confirmed go back as dropped. */
void publisher_close(struct publisher *p, void (*fn)(void *arg), void *arg);
void publisher_destroy(struct publisher *p); /* as well, at once */

void publisher_publish(void *publisher, struct outbox_message *m); /* for the outbox: takes */

/* Why nothing can be promised now, for people; NULL when it can. */
const char *publisher_refusal(const struct publisher *p);

bool publisher_is_connected(const struct publisher *p); /* declared and confirming */
bool publisher_is_blocked(const struct publisher *p);
struct follow *publisher_follow(struct publisher *p);    /* what becomes of what it published */
size_t publisher_unconfirmed(const struct publisher *p); /* messages */
const char *publisher_reason(const struct publisher *p); /* why it is not connected */

#endif
