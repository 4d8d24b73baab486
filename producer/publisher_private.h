/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of publisher: publisher.c moves it, publisher_send.c sends its messages, publisher_view.c
 * tells others how it is. */
#ifndef HOLDFAST_PRODUCER_PUBLISHER_PRIVATE_H
#define HOLDFAST_PRODUCER_PUBLISHER_PRIVATE_H

#include "common/app/log.h"
#include "producer/follow.h"
#include "producer/nacks.h"
#include "producer/publisher.h"
#include "producer/publisher_metrics.h"

struct event;

enum publisher_state {
    PUBLISHER_DOWN,
    PUBLISHER_DECLARING,
    PUBLISHER_SELECTING,
    PUBLISHER_SETTLING,
    PUBLISHER_OPEN,
};

struct publisher {
    struct loop *loop;
    struct publisher_options options;
    struct outbox *outbox; /* lent */
    struct link *link;     /* owned */
    enum publisher_state state;
    struct publisher_metrics metrics;
    struct follow follow;
    struct message_list again;
    struct event *tick;    /* owned; each second */
    struct event *settle;  /* owned; ends SETTLING */
    int64_t down_since_ns; /* while not OPEN */
    bool was_open;
    bool settled; /* the queues have been there for a while */
    bool blocked;
    bool declaring;       /* a declare is under way while OPEN */
    int64_t unblocked_ns; /* when the broker last took messages again */
    bool declare_again;   /* a message was returned: a queue has gone */
    struct nacks nacks[OUTBOX_LANES];
    struct log_repeat refusals, standstill;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

void publisher_show(const struct publisher *p);
void publisher_send_again(struct publisher *p); /* what is left waits for the next time */
void publisher_drop(struct publisher *p, struct outbox_message *m);

void publisher_tell_standstill(struct publisher *p); /* again and again, while it lasts */

/* How long the oldest message on the wire has waited for its confirm. */
int64_t publisher_silence_ns(const struct publisher *p);

#endif
