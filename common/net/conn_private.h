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
    TAILQ_ENTRY(conn) turn;   /* in line */
    struct conn_queue *line;  /* the owner's it waits in, to be read when its turn comes; or NULL */
    struct bufferevent *bev;  /* owned */
    struct call *call;        /* in READING and ASKED; lent while a handler has it */
    enum conn_state state;
    int64_t since_ns, deadline_ns; /* of the state */
    int64_t spent_ns, spent_at_ns; /* on it of late, and when a half of it was forgotten last */
    size_t moved;      /* bytes of the present request that came, or thrown away in LINGERING */
    size_t unsent;     /* bytes of the answer when ANSWERING began */
    bool asked_before; /* a request came whole */
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

int64_t conn_spent_ns(const struct conn *c, int64_t now_ns); /* half is forgotten each second */
void conn_spend(struct conn *c, int64_t ns, int64_t now_ns);

/* For conn.c: it is pumped in a later turn of the loop, after those that wait already and cost as
 * little. */
void conns_wait_turn(struct conn *c);
void conns_leave_line(struct conn *c);

/* What the loop spent on connections, where that is bounded. */
void conns_worked(struct conns *cs, int64_t began_ns, int64_t ended_ns);

#endif
