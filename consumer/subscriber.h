/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer's end of the queue of a lane: a link with one AMQP consumer on it. While open, the
 * subscriber consumes, again after every loss of the link; closed, it cancels and sends back
 * deliveries that still arrive. Above the limit of bytes in memory it stops reading from the
 * socket.
 *
 * Life: subscriber_create starts to connect, closed; subscriber_end closes the link and calls
 * on_ended; then, or at any time, subscriber_destroy.
 */
#ifndef HOLDFAST_CONSUMER_SUBSCRIBER_H
#define HOLDFAST_CONSUMER_SUBSCRIBER_H

#include "common/amqp/topology.h"
#include "consumer/delivery.h"
#include "consumer/settle.h"

struct config;
struct meters;
struct loop;
struct subscriber;

struct subscriber_handler {
    void (*on_delivery)(void *arg, struct delivery *d); /* takes it */
    void (*on_lost)(void *arg);                         /* every delivery of before is void */
    void (*on_ended)(void *arg);                        /* after subscriber_end: all is said */
};

struct subscriber_options { /* lent for the life of the subscriber */
    const struct config *config;
    const struct meters *meters;
    enum topology_lane lane;
};

struct subscriber *subscriber_create(struct loop *loop, const struct subscriber_options *options,
                                     const struct subscriber_handler *handler, void *arg);
void subscriber_destroy(struct subscriber *s);

void subscriber_open(struct subscriber *s);
void subscriber_close(struct subscriber *s);
void subscriber_end(struct subscriber *s);

/* Tells how many bytes of its deliveries are held now. */
void subscriber_set_held(struct subscriber *s, size_t bytes);
/* It has not been reading for so long that the broker may lose patience: hold less. */
bool subscriber_is_stalled(const struct subscriber *s);

struct settle *subscriber_settle(struct subscriber *s);
bool subscriber_is_ready(const struct subscriber *s);      /* the link is up */
bool subscriber_is_consuming(const struct subscriber *s);  /* the broker answered consume-ok */
const char *subscriber_reason(const struct subscriber *s); /* why it is not, for people */

#endif
