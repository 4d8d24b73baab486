/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the feed share: feed.c (batches, publishing, patience), feed_link.c (the link,
 * life). */
#ifndef HOLDFAST_CONSUMER_FEED_PRIVATE_H
#define HOLDFAST_CONSUMER_FEED_PRIVATE_H

#include "common/app/config.h"
#include "common/app/log.h"
#include "consumer/bindings.h"
#include "consumer/feed.h"
#include "consumer/meters.h"

/* symbol, name */
#define FEED_STATES(X)                                                                             \
    X(OFF, "off")                                                                                  \
    X(DOWN, "down")                                                                                \
    X(DECLARING, "declaring")                                                                      \
    X(SELECTING, "selecting")                                                                      \
    X(OPEN, "open")

enum feed_state {
#define X(symbol, name) FEED_##symbol,
    FEED_STATES(X)
#undef X
};

struct feed {
    struct loop *loop; /* borrowed */
    struct feed_options options;
    feed_told_fn on_told;
    void *arg;
    char name[128];
    struct link_options link_options;
    struct link *link;  /* owned; NULL when off, and until the next tick after memory ran out */
    struct event *tick; /* owned */
    enum feed_state state;
    bool as_it_is; /* the exchange was not ours to declare: used without */
    bool no_topic; /* it is of another type */
    struct batch *head, *tail;
    struct batch *next;          /* the first with events to publish; NULL = none */
    const struct batch *grouped; /* whose keys `bindings` has; the same as next, or NULL */
    struct bindings bindings;
    size_t unconfirmed; /* messages of the present link */
    int64_t confirm_ns; /* the last confirm, or the first publish after all were confirmed */
    int64_t moved_ns;   /* when the head came to be it, or got a confirm */
    bool impatient;
    struct feed_place watched; /* while impatient: the batch whose confirms end it */
    struct notice_text text;
    struct log_repeat refused, nacked;
    void (*on_ended)(void *arg);
    void *ended_arg;
};

void feed_go_on(struct feed *f); /* publishes what the window lets, gives back what is told */
void feed_confirm(struct feed *f, uint64_t tag, enum link_outcome outcome);
void feed_start_over(struct feed *f);     /* the link went: what is held is published again */
void feed_watch_patience(struct feed *f); /* now and then */

#endif
