/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages accepted and not yet reported as stored, by their numbers, from their publish to their
 * receipt. All zero is empty; waiting_finish.
 *
 * A message counts once it is confirmed. Its receipt may be lost: the consumer died between commit
 * and report, or the link was lost, to whose address receipts come. So after WAITING_SURE_NS the
 * message is doubted: no consumer keeps a message for longer (heartbeats, its patience of 60 s). It
 * is counted until its lane has no message ready, which not every login may ask, or until one
 * published after it has been stored for as long. A message that waited when the link was lost is
 * late only when its lane is seen with messages ready; where that cannot be seen it is over two
 * turns after the link is back. Messages accepted before the process started are not known here. At
 * most WAITING_APART messages are kept singly; of more the oldest are counted and doubted together.
 */
#ifndef HOLDFAST_PRODUCER_WAITING_H
#define HOLDFAST_PRODUCER_WAITING_H

#include "common/amqp/receipt.h"
#include "producer/outbox_message.h"

#define WAITING_SURE_NS INT64_C(120000000000)
#define WAITING_APART   ((size_t)1 << 20)

struct waiting {
    struct waiting_entry *ring; /* owned; number n at n modulo capacity, a power of two */
    size_t capacity;
    uint64_t first, count; /* first: the oldest number that is not over; 0 before any */
    size_t events;         /* that wait, all of them */
    struct waiting_lane {
        size_t merged;                  /* events that are only counted */
        int64_t merged_ns;              /* when the oldest of them was published; 0: none */
        int64_t stored_ns;              /* the latest publish of those told stored */
        int64_t earlier_ns, settled_ns; /* what it was one and two turns ago */
        bool ready;                     /* its queue was last seen with messages ready */
    } lanes[OUTBOX_LANES];
    int64_t lost_ns, back_ns; /* when the link last went, and came back: 0 until then */
    int64_t turned_ns;        /* when a turn of WAITING_SURE_NS last began */
};

void waiting_finish(struct waiting *w);

/* About to be published. Its number; 0 when memory ran out: not followed. */
uint64_t waiting_send(struct waiting *w, enum outbox_lane lane, size_t events, int64_t now_ns);
void waiting_held(struct waiting *w, uint64_t number);    /* confirmed */
void waiting_refused(struct waiting *w, uint64_t number); /* not held: it never waits */
/* The link went: what is not confirmed never waits, for the rest no receipt comes. */
void waiting_lost(struct waiting *w, int64_t now_ns);
void waiting_back(struct waiting *w, int64_t now_ns);

/* Told stored. When the last of them that was not known to be was published; 0: all were. */
int64_t waiting_stored(struct waiting *w, const struct receipt_range *range);
/* When the oldest was published, and the oldest whose receipt could have come; 0: none. */
int64_t waiting_since_ns(const struct waiting *w);
int64_t waiting_late_since_ns(const struct waiting *w);
void waiting_watch(struct waiting *w, int64_t now_ns); /* now and then */
/* So many messages of the lane are ready; none: what is doubted there is stored. */
void waiting_lane_seen(struct waiting *w, enum outbox_lane lane, size_t ready, int64_t now_ns);

#endif
