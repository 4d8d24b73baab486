/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acknowledgement of deliveries by their tags. Transactions finish in any order; a tag is
 * acknowledged when its transaction has committed and all tags before it are settled, so that one
 * basic.ack with `multiple` covers many.
 *
 * Tags count from 1 in each generation of the link; those of an old generation are invalid: the
 * broker has taken those messages back itself. Life: settle_init, settle_open at each new
 * generation, settle_finish.
 */
#ifndef HOLDFAST_CONSUMER_SETTLE_H
#define HOLDFAST_CONSUMER_SETTLE_H

#include "common/core/slice.h"

struct link;

struct settle {
    struct link *link;   /* borrowed; NULL until known */
    uint64_t generation; /* 0: none yet */
    bool is_void;        /* the generation has ended */
    uint64_t first;      /* lowest tag not settled with the broker */
    uint64_t next;       /* one past the highest tag delivered */
    uint8_t *states;     /* owned ring: state of tag t at t & mask */
    int64_t *since_ns;   /* owned ring: when it was delivered */
    size_t mask;         /* size of the rings - 1; 0 while there are none */
};

void settle_init(struct settle *s);
void settle_finish(struct settle *s);
void settle_open(struct settle *s, struct link *link, uint64_t generation);
void settle_void(struct settle *s); /* the link was lost: nothing is open any more */

/* Tags come in order, without a gap. False when one does not, or memory ran out: nothing behind it
 * can be acknowledged, and the link must go. */
MUST_CHECK bool settle_delivered(struct settle *s, uint64_t tag);

void settle_committed(struct settle *s, uint64_t generation, uint64_t tag);
void settle_requeue(struct settle *s, uint64_t generation, uint64_t tag); /* back to the queue */

/* Acknowledges what has become contiguous; call when a batch's tags are marked. */
void settle_flush(struct settle *s);

/* Acknowledges also what is committed behind a gap, one by one: before the gap is left for good. */
void settle_flush_all(struct settle *s);

size_t settle_open_count(const struct settle *s); /* tags delivered and not settled */
int64_t settle_oldest_ns(const struct settle *s); /* when the oldest of them came; 0 = none */

#endif
