/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside common/net: one client connection and the exchange on it. A guard reads a request off the
 * connection's bytes, the router's handler answers it, the next request is read: one at a time, in
 * order. What a client pipelines behind the present request waits in the socket's buffers.
 */
#ifndef HOLDFAST_NET_CONN_H
#define HOLDFAST_NET_CONN_H

#include "common/net/call_private.h"

struct conn;
struct event_base;

/* Every state has a deadline but ASKED, which is the handler's to end. */
enum conn_state {
    CONN_IDLE,      /* no byte of a request has come; ended by bytes or after a minute */
    CONN_READING,   /* a part of one has; ended by the rest or after the request timeout, 408 */
    CONN_ASKED,     /* a handler has the call; ended by its answer */
    CONN_ANSWERING, /* the answer is on its way; ended by the socket or after the request timeout */
    CONN_LINGERING, /* the last answer has left; ended by the client's close or soon */
};

struct conns { /* all connections of a server, which may read the fields */
    struct event_base *base;
    struct router *router;
    struct guard_budget budget;
    int64_t request_timeout_ns;
    struct conn *first;
    size_t max, count;
    size_t busy;       /* connections between a request's first byte and its answer's last */
    size_t open_calls; /* handed to handlers and not answered */
    struct call *free_calls;
    size_t free_call_count;
    size_t unsent_bytes;  /* of answers that do not fit into their sockets */
    struct buffer answer; /* the answer being put together */
    bool draining;
    void (*on_change)(void *arg); /* count or busy went down, or all there may be are busy */
    void *arg;
};

void conns_finish(struct conns *cs);      /* closes all; open calls are answered to nobody */
void conns_add(struct conns *cs, int fd); /* takes fd */
void conns_expire(struct conns *cs, int64_t now_ns); /* ends states whose deadline has passed */
bool conns_shed(
    struct conns *cs); /* closes the idle connection nearest its end; false: none is idle */
/* From here on every answer is the last of its connection. Idle ones, and those still added, have
 * half a second to ask once more: a client may be doing so, and would be told nothing at all. */
void conns_drain(struct conns *cs);
bool conns_are_over(const struct conns *cs); /* draining, and no answer will be given any more */

int conn_fd(const struct conn *c); /* lent */

#endif
