/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed publishes committed events to a topic exchange, one message per event, on a link of its
 * own, before their messages are acknowledged. It takes stored batches and gives each back when the
 * broker has confirmed all of it, or when the feed gives up as feed.c describes.
 *
 * Life: feed_create starts to connect, unless the feed is off; feed_end closes the link
 * and calls back; then, or at any time, feed_destroy, with the batches it holds.
 */
#ifndef HOLDFAST_CONSUMER_FEED_H
#define HOLDFAST_CONSUMER_FEED_H

#include "consumer/batch.h"

struct config;
struct feed;
struct loop;
struct meters;

struct feed_options { /* lent for the life of the feed */
    const struct config *config;
    const struct meters *meters;
};

/* Called with each batch in its order, also from inside feed_tell. */
typedef void (*feed_told_fn)(void *arg, struct batch *b);

struct feed *feed_create(struct loop *loop, const struct feed_options *options,
                         feed_told_fn on_told, void *arg); /* NULL: no memory */
void feed_destroy(struct feed *f);
void feed_end(struct feed *f, void (*on_ended)(void *arg), void *arg);

void feed_tell(struct feed *f, struct batch *b); /* takes the batch, which is stored */

bool feed_is_idle(const struct feed *f); /* holds no batch */
bool feed_is_on(const struct feed *f);
const char *feed_trouble(const struct feed *f); /* NULL while it works; else why not, for people */

#endif
