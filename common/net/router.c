/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths are few, so looking one up is a walk over the table; the first bytes differ
 * almost always. Counters exist for the codes a route can answer with; what is refused before a
 * route is known is counted under route "none", so that a client cannot make labels.
 */
#include "common/net/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/app/metrics.h"
#include "common/net/call_private.h"
#include "common/net/kept.h"
#include "common/net/origin.h"

enum { CODES_MAX = 16 };

static const int get_codes[] = {200, 503, 0};
static const int post_codes[] = {200, 202, 207, 400, 403, 413, 415, 422, 429, 500, 503, 0};
static const int put_codes[] = {200, 400, 401, 403, 411, 415, 422, 503, 0};
static const int options_codes[] = {204, 0};
static const int none_codes[] = {204, 400, 404, 405, 408, 411, 413, 414, 417, 431, 503, 505, 0};

/* The counters of a route; the last of `by_code` in use is that of any other code. */
struct tally {
    const int *codes;
    struct metric *by_code[CODES_MAX];
    struct metric *duration;
};

struct router {
    struct route routes[ROUTER_ROUTES_MAX];
    struct tally tallies[ROUTER_ROUTES_MAX + 1]; /* the last one used: no route */
    struct kept kept[ROUTER_ROUTES_MAX];         /* of public routes */
    bool is_public[ROUTER_ROUTES_MAX];
    struct metric *connections;
    size_t count;
    bool sealed;
    const char *origins; /* whose pages may write */
};

struct router *router_create(void)
{
    struct router *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->origins = "";
    return r;
}

void router_destroy(struct router *r)
{
    for (size_t i = 0; r != NULL && i < ROUTER_ROUTES_MAX; i++)
        kept_finish(&r->kept[i]);
    free(r);
}

void router_add(struct router *r, const struct route *route)
{
    assert(!r->sealed && r->count < ROUTER_ROUTES_MAX && route->path[0] == '/');
    r->routes[r->count++] = *route;
}

void router_add_public(struct router *r, const struct route *route)
{
    r->is_public[r->count] = true;
    router_add(r, route);
}

/* The registry keeps label texts for ever. */
static const char *code_label(const char *method, const char *path, int code)
{
    char number[16] = "other", *text = NULL;
    if (code != 0)
        snprintf(number, sizeof number, "%d", code);
    if (asprintf(&text, "method=\"%s\",route=\"%s\",code=\"%s\"", method, path, number) < 0)
        abort();
    return text;
}

static const char *route_label(const char *path)
{
    char *text = NULL;
    if (asprintf(&text, "route=\"%s\"", path) < 0)
        abort();
    return text;
}

static struct metric *register_code(const struct route *route, int code)
{
    const char *method = route != NULL ? route->method : "any";
    const char *path = route != NULL ? route->path : "none";
    return metrics_counter("http_requests_total", code_label(method, path, code),
                           "Requests answered.");
}

static void register_codes(struct tally *t, const struct route *route)
{
    if (route == NULL)
        t->codes = none_codes;
    else if (strcmp(route->method, "OPTIONS") == 0)
        t->codes = options_codes;
    else if (strcmp(route->method, "PUT") == 0)
        t->codes = put_codes;
    else
        t->codes = strcmp(route->method, "POST") == 0 ? post_codes : get_codes;
    size_t i = 0;
    for (; t->codes[i] != 0; i++)
        t->by_code[i] = register_code(route, t->codes[i]);
    t->by_code[i] = register_code(route, 0);
}

/* Methods of one path share it. */
static struct metric *register_duration(const struct router *r, size_t route)
{
    for (size_t i = 0; i < route; i++) {
        if (strcmp(r->routes[i].path, r->routes[route].path) == 0)
            return r->tallies[i].duration;
    }
    return metrics_latency("http_request_duration_seconds", route_label(r->routes[route].path),
                           "From the last byte of a request to its answer.");
}

void router_seal(struct router *r)
{
    for (size_t i = 0; i < r->count; i++)
        register_codes(&r->tallies[i], &r->routes[i]);
    register_codes(&r->tallies[r->count], NULL);
    for (size_t i = 0; i < r->count; i++)
        r->tallies[i].duration = register_duration(r, i);
    r->connections = metrics_gauge("http_connections", "", "Client connections open.");
    r->sealed = true;
}

void router_count(struct router *r, const struct route *route, int status, int64_t duration_ns)
{
    struct tally *t = &r->tallies[route != NULL ? (size_t)(route - r->routes) : r->count];
    size_t i = 0;
    while (t->codes[i] != 0 && t->codes[i] != status)
        i++;
    metric_add(t->by_code[i], 1);
    if (t->duration != NULL)
        metric_observe_ns(t->duration, duration_ns);
}

void router_connections(struct router *r, size_t count)
{
    metric_set(r->connections, (int64_t)count);
}

static bool has_path(const struct route *route, struct slice path)
{
    const struct slice own = slice_of(route->path);
    if (own.size < 2 || memcmp(own.data + own.size - 2, "/*", 2) != 0)
        return slice_equals(path, own);
    const size_t size = own.size - 1;
    return path.size > size && memcmp(path.data, own.data, size) == 0;
}

/* "GET, HEAD, OPTIONS" of a path; false when nobody has it. */
static bool allowed(const struct router *r, struct slice path, char *out, size_t size)
{
    size_t used = 0;
    bool found = false;
    out[0] = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct route *route = &r->routes[i];
        if (!has_path(route, path) || strcmp(route->method, "OPTIONS") == 0)
            continue;
        const bool get = strcmp(route->method, "GET") == 0;
        const int added =
            snprintf(out + used, size - used, "%s%s, ", route->method, get ? ", HEAD" : "");
        used = used + (size_t)added < size ? used + (size_t)added : size - 1;
        found = true;
    }
    snprintf(out + used, size - used, "OPTIONS");
    return found;
}

static const struct route *find(const struct router *r, struct slice method, struct slice path)
{
    if (slice_equals(method, SLICE("HEAD")))
        method = SLICE("GET");
    for (size_t i = 0; i < r->count; i++) {
        if (has_path(&r->routes[i], path) && slice_equals(method, slice_of(r->routes[i].method)))
            return &r->routes[i];
    }
    return NULL;
}

static void refuse(const struct router *r, struct call *c)
{
    char allow[128];
    const bool known = allowed(r, call_path(c), allow, sizeof allow);
    const bool asks = slice_equals(call_method(c), SLICE("OPTIONS"));
    if (asks && (known || slice_equals(call_path(c), SLICE("*"))))
        call_reply(c, &(struct reply){.status = 204, .headers = {{"Allow", allow}}});
    else if (known)
        call_refuse(c, &(struct problem){.status = 405,
                                         .slug = "method-not-allowed",
                                         .detail = "this path does not support that method",
                                         .headers = {{"Allow", allow}}});
    else
        call_refuse(c, &(struct problem){.status = 404,
                                         .slug = "not-found",
                                         .detail = "there is nothing at this path"});
}

void router_allow_origins(struct router *r, const char *origins)
{
    r->origins = origins;
}

static bool writes(const struct route *route)
{
    return strcmp(route->method, "GET") != 0 && strcmp(route->method, "OPTIONS") != 0;
}

static void answer_public(struct router *r, struct call *c)
{
    const struct route *route = c->route;
    struct kept *kept = &r->kept[route - r->routes];
    const int64_t began_ns = c->started_ns;
    if (kept_answer(kept, c))
        return;
    c->kept = kept;
    route->handle(c, route->arg);
    kept_end(kept, began_ns);
}

void router_dispatch(struct router *r, struct call *c)
{
    assert(r->sealed);
    c->route = find(r, call_method(c), call_path(c));
    if (c->route == NULL)
        refuse(r, c);
    else if (writes(c->route) && !origin_may_write(c, r->origins))
        call_refuse(c, &(struct problem){.status = 403,
                                         .slug = "origin-not-allowed",
                                         .detail = "web pages of this origin may not send: see "
                                                   "HTTP_ORIGINS"});
    else if (r->is_public[c->route - r->routes] && c->guard.head.query.size == 0)
        answer_public(r, c);
    else
        c->route->handle(c, c->route->arg);
}
