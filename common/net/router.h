/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes of a server, each with its own counters. A path nobody has is 404, a method
 * a path does not have is 405 with Allow; HEAD is answered as GET without the body, OPTIONS with
 * 204. Routers are made before workers fork, because metrics are registered here.
 */
#ifndef HOLDFAST_NET_ROUTER_H
#define HOLDFAST_NET_ROUTER_H

#include "common/net/call.h"

struct router;
struct metric;

enum { ROUTER_ROUTES_MAX = 32 };

struct route {
    const char *method; /* "GET", "POST" */
    const char *path;   /* exact, begins with "/" */
    void (*handle)(struct call *c, void *arg);
    void *arg;
};

struct router *router_create(void); /* NULL: no memory */
void router_destroy(struct router *r);
void router_add(struct router *r, const struct route *route); /* strings and arg lent */

/* Ways in for the server. router_count is told of every answer. */
void router_dispatch(struct router *r, struct call *c);
void router_count(struct router *r, const struct route *route, struct slice method, int status,
                  int64_t duration_ns); /* route NULL: refused before any route was known */

#endif
