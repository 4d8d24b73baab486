/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of routes of a server, each with its own counters. An unknown path is answered 404, an
 * unknown method of a path 405 with Allow; HEAD is answered as GET without the body, OPTIONS with
 * 204 where no route takes it. router_seal ends the adding of routes and registers the metrics, so
 * it is called before workers fork.
 */
#ifndef HOLDFAST_NET_ROUTER_H
#define HOLDFAST_NET_ROUTER_H

#include "common/net/call.h"

struct router;

enum { ROUTER_ROUTES_MAX = 24 };

struct route {
    const char *method; /* "GET", "POST", "OPTIONS" */
    const char *path;   /* begins with "/"; a "*" at its end is one character or more */
    void (*handle)(struct call *c, void *arg);
    void *arg;
};

struct router *router_create(void); /* NULL: no memory */
void router_destroy(struct router *r);
void router_add(struct router *r, const struct route *route); /* strings and arg lent */
/* A GET that answers immediately, and every client alike (kept.h). */
void router_add_public(struct router *r, const struct route *route);
void router_seal(struct router *r);
void router_allow_origins(struct router *r, const char *origins); /* to write (origin.h); lent */

/* For the server. */
void router_dispatch(struct router *r, struct call *c);
/* An answer was given; route NULL: refused before there was one. */
void router_count(struct router *r, const struct route *route, int status, int64_t duration_ns);
void router_connections(struct router *r, size_t count);

#endif
