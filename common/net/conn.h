/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside common/net: one client connection and the exchange on it. The guard reads a request off
 * the connection's bytes; evhttp then gets a ticket in its place, a request line that names the
 * connection's slot, and so decides when it is that request's turn and writes the answer.
 */
#ifndef HOLDFAST_NET_CONN_H
#define HOLDFAST_NET_CONN_H

#include "common/net/call.h"
#include "common/net/guard.h"
#include "common/net/router.h"

struct bufferevent;
struct event_base;
struct evhttp_request;
struct conn;

/* One exchange, from its first byte to its answer. */
struct call {
    struct guard guard;
    struct conn *conn;             /* NULL: the client is gone */
    struct evhttp_request *ticket; /* evhttp's side; NULL until the ticket has come back */
    const struct route *route;     /* NULL until found */
    struct conns *conns;
    struct call *next_free;
    int64_t began_ns, started_ns; /* first byte, last byte */
    bool open;                    /* not answered */
};

enum conn_state {
    CONN_IDLE,      /* no byte of a request has come */
    CONN_READING,   /* a part of one has; on the list `reading` */
    CONN_ASKED,     /* evhttp has the ticket, or a handler the call */
    CONN_ANSWERING, /* the answer is on its way */
};

/* All connections of a server. Its fields are the server's to read. */
struct conns {
    struct event_base *base;
    struct router *router;
    struct guard_budget budget;
    struct conn **slots; /* owned array; NULL = free */
    size_t *free_slots;  /* owned array used as a stack */
    size_t max, count;
    size_t busy;                         /* connections that are not idle */
    size_t open_calls;                   /* handed to handlers and not answered */
    struct conn *reading, *reading_last; /* oldest first */
    struct conn *newborn;                /* evhttp has not said whose they are */
    struct call *free_calls;
    size_t free_call_count;
    bool draining;                /* every answer is the last of its connection */
    void (*on_change)(void *arg); /* count or busy went down */
    void *arg;
};

MUST_CHECK bool conns_init(struct conns *cs, size_t max);
void conns_finish(struct conns *cs);

/* For evhttp: a bufferevent whose input is guarded; NULL when memory ran out. */
struct bufferevent *conns_add(struct conns *cs);
void conns_adopt(struct conns *cs);                               /* after accepting */
void conns_expire(struct conns *cs, int64_t began_before_ns);     /* 408 for those still reading */
void conns_on_ticket(struct evhttp_request *ticket, void *conns); /* evhttp's callback */

/* For call.c: the answer was given to evhttp, which may have taken the connection down. */
bool call_is_last(const struct call *c); /* the connection closes after it */
void call_answered(struct call *c, int status);

#endif
