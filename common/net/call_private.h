/* SPDX-License-Identifier: Apache-2.0 */
/* Inside common/net: a call, and what its answer does to its connection. */
#ifndef HOLDFAST_NET_CALL_PRIVATE_H
#define HOLDFAST_NET_CALL_PRIVATE_H

#include "common/net/call.h"
#include "common/net/guard.h"

struct conn;
struct conns;
struct kept;
struct route;

struct call { /* one exchange, from its first byte to its answer */
    struct guard guard;
    struct conns *conns;
    struct conn *conn;              /* NULL: the client is gone */
    const struct route *route;      /* NULL until found */
    const struct call_style *style; /* NULL: none of its own */
    struct kept *kept;              /* where its answer may be left for others; or NULL */
    struct call *next_free;
    void (*on_gone)(void *arg); /* NULL: nobody asks, or it was told */
    void *gone_arg;
    int64_t started_ns; /* last byte */
    bool open;          /* with a handler, not answered */
};

/* For conn.c: an empty call, NULL when memory ran out; and back, some to be kept for reuse. */
struct call *call_take(struct conns *cs);
void call_release(struct conns *cs, struct call *call);
void call_free_kept(struct conns *cs);

void call_gone(struct call *c); /* for conn.c: tells it */

/* For call.c: cs->answer holds the whole answer to this call; takes the call. */
bool call_is_last(const struct call *c); /* the connection closes after it */
void call_answered(struct call *c, int status);

#endif
