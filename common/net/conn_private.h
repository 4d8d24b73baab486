/* SPDX-License-Identifier: Apache-2.0 */
/* Inside conn.c and conns.c: one connection. */
#ifndef HOLDFAST_NET_CONN_PRIVATE_H
#define HOLDFAST_NET_CONN_PRIVATE_H

#include <sys/queue.h>

#include "common/net/conns.h"

struct bufferevent;

struct conn {
    struct conns *owner;
    struct conn *next, *prev; /* on owner's list */
    TAILQ_ENTRY(conn) turn;   /* on owner's waiting list */
    struct bufferevent *bev;  /* owned */
    struct call *call;        /* in READING and ASKED; lent while a handler has it */
    enum conn_state state;
    int64_t since_ns, deadline_ns; /* of the state */
    size_t moved;      /* bytes of the present request that came, or thrown away in LINGERING */
    size_t unsent;     /* bytes of the answer when ANSWERING began */
    bool asked_before; /* a request came whole */
    bool waiting;      /* has bytes to be read when its turn comes */
    bool closing;      /* the present answer is the last */
    bool ended;        /* the client sends no more, but may wait for answers */
    bool pumping;      /* requests are being read; whoever answers need not start that */
};

/* The only place that changes a state. */
void conn_enter(struct conn *c, enum conn_state to);

void conn_create(struct conns *cs, int fd); /* takes fd */
void conn_destroy(struct conn *c);
void conn_pump(struct conn *c);       /* reads on: a request at most is handled */
void conn_end_answer(struct conn *c); /* as if the present answer had left */
void conn_refuse(struct conn *c, const struct head_fault *fault); /* in READING */

/* For conn.c: it is pumped after those that wait already, in a later turn of the loop. */
void conns_wait_turn(struct conn *c);

/* What the loop spends on connections, where that is bounded: around each callback of theirs. */
int64_t conns_work_begins(const struct conns *cs);
void conns_work_ended(struct conns *cs, int64_t began_ns);

#endif
