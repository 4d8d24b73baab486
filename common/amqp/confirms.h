/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publishes the broker has not confirmed yet, a ring by delivery tag. Tags count from 1 on each
 * channel; the broker confirms one, or all up to one, and not always in order.
 */
#ifndef HOLDFAST_AMQP_CONFIRMS_H
#define HOLDFAST_AMQP_CONFIRMS_H

#include "common/amqp/link.h"

struct confirm {
    void *context;    /* the publisher's */
    char *message_id; /* owned; only of mandatory messages, which can come back */
    bool settled;     /* told already; waits for those before it */
    bool returned;
};

struct confirms {
    struct confirm *ring; /* owned; tag t lies at t modulo capacity, a power of two */
    size_t capacity;
    uint64_t first; /* oldest tag not settled */
    uint64_t next;  /* tag of the next publish */
    size_t count;   /* not settled */
};

void confirms_init(struct confirms *c);
void confirms_clear(struct confirms *c); /* forgets all; tags start again */
void confirms_finish(struct confirms *c);

/* message_id NULL: cannot come back. The tag; 0 when memory ran out. */
MUST_CHECK uint64_t confirms_add(struct confirms *c, const char *message_id, void *context);
/* The last one added did not get out. */
void confirms_take_back(struct confirms *c);

/* basic.return. False when no such message is outstanding. */
MUST_CHECK bool confirms_return(struct confirms *c, struct slice message_id);

/* The context of the oldest that is not settled; NULL: all are. */
void *confirms_oldest(const struct confirms *c);
void *confirms_take_oldest(struct confirms *c); /* which is settled then */

struct confirms_sink {
    void (*fn)(void *arg, const struct link_confirm *confirm); /* NULL: nobody listens */
    void *arg;
};

/* basic.ack with LINK_ACKED, basic.nack with LINK_NACKED; all up to the tag when multiple, in their
 * order; tag 0 then means all. The sink may add and clear. False when the tag is not outstanding.
 */
MUST_CHECK bool confirms_settle(struct confirms *c, uint64_t tag, enum link_outcome outcome,
                                const struct confirms_sink *sink);
MUST_CHECK bool confirms_settle_upto(struct confirms *c, uint64_t tag, enum link_outcome outcome,
                                     const struct confirms_sink *sink);

#endif
