/* SPDX-License-Identifier: Apache-2.0 */
/* Inside common/net: all connections of a server. */
#ifndef HOLDFAST_NET_CONNS_H
#define HOLDFAST_NET_CONNS_H

#include <sys/queue.h>

#include "common/net/conn.h"

struct event;
struct event_base;

TAILQ_HEAD(conn_queue, conn);

struct conns { /* all connections of a server, which may read the fields */
    struct event_base *base;
    struct router *router;
    struct guard_budget budget;
    int64_t request_timeout_ns, idle_timeout_ns;
    int share_percent; /* of the time that connections may cost the loop; 0 = all */
    struct conn *first;
    struct conn_queue light, heavy; /* connections waiting to be read on */
    struct event *turn;             /* owned; theirs */
    unsigned turns;                 /* given while somebody heavy waited */
    size_t max, count;
    size_t busy;       /* connections between a request's first byte and its answer's last */
    size_t asked;      /* of them, those whose request a handler has */
    size_t open_calls; /* handed to handlers and not answered */
    struct call *free_calls;
    size_t free_call_count;
    size_t unsent_bytes;  /* of answers that do not fit into their sockets */
    struct buffer answer; /* the answer being put together */
    char keep_alive[64];  /* header lines of an answer that is not the last */
    bool draining;
    int64_t window_ns, spent_ns;  /* begin of the present window; used in it */
    void (*on_change)(void *arg); /* fewer connections, fewer with handlers, or the rest is over */
    void *arg;
};

bool conns_init(struct conns *cs);        /* the rest of it is set; false: no memory */
void conns_finish(struct conns *cs);      /* closes all; open calls are answered to nobody */
void conns_add(struct conns *cs, int fd); /* takes fd */
void conns_expire(struct conns *cs, int64_t now_ns); /* ends states whose deadline has passed */

/* Closes one connection: requests and answers that hardly move go first, then the connection that
 * was idle longest, then the slowest of the others. False: handlers have all requests, or the
 * connections have just come. */
MUST_CHECK bool conns_shed(struct conns *cs);
bool conns_are_resting(const struct conns *cs); /* their share of the loop's time is used up */

/* From here on every answer is the last of its connection. Idle and new connections have half a
 * second for one more request: the client of one under way would get a reset without a response. */
void conns_drain(struct conns *cs);
bool conns_are_over(const struct conns *cs); /* draining, and no answer will be given any more */

#endif
