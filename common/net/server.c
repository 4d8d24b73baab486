/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener and the timers of the connections: a limit on them, a sweep that ends overdue ones,
 * a pause when descriptors run out, and the drain.
 *
 * At the limit a new connection takes the place of another one (conns.h), so that a client cannot
 * lock out others by keeping connections open; while handlers have all requests the listener pauses
 * and new connections wait in the kernel's backlog.
 */
#include "common/net/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/net/conns.h"
#include "common/net/loop.h"

enum {
    HELD_BODIES = 8,          /* largest bodies that may be in memory together */
    SMALL_BODY_BYTES = 65536, /* not counted: the number of connections bounds them */
};

struct server {
    struct conns conns;
    struct listener *listener;     /* owned; NULL once draining */
    struct event *sweep, *drained; /* owned */
    int64_t resting_until_ns;      /* no descriptors: not accepting until then; 0 = no */
    struct log_repeat no_descriptors;
    bool is_full; /* and no connection can be closed: not accepting until something changes */
    int port;
    void (*on_drained)(void *arg);
    void *arg;
};

static void set_accepting(struct server *s)
{
    const bool can = s->resting_until_ns == 0 && !s->is_full && !conns_are_resting(&s->conns);
    if (s->listener != NULL)
        listener_set_accepting(s->listener, can);
}

static bool has_room(void *arg)
{
    const struct server *s = arg;
    return s->conns.count < s->conns.max;
}

static bool make_room(void *arg)
{
    struct server *s = arg;
    s->is_full = !has_room(s) && !conns_shed(&s->conns);
    set_accepting(s);
    return !s->is_full;
}

static void on_accept(void *arg, int fd)
{
    struct server *s = arg;
    conns_add(&s->conns, fd);
}

static void on_accept_error(void *arg, int error)
{
    struct server *s = arg;
    uint64_t held = 0;
    s->resting_until_ns = clock_now_ns() + CLOCK_S / 4;
    set_accepting(s);
    if (log_repeat_due(&s->no_descriptors, &held))
        log_warning("http_accept_failed",
                    "a connection cannot be accepted, trying again in a moment",
                    LOG_TEXT("reason", strerror(error)), LOG_INT("held_back", held));
}

static void on_change(void *arg)
{
    struct server *s = arg;
    s->is_full = false;
    set_accepting(s);
    if (s->on_drained != NULL && conns_are_over(&s->conns))
        event_active(s->drained, EV_TIMEOUT, 0);
}

static void on_sweep(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct server *s = arg;
    (void)fd;
    (void)events;
    const int64_t now_ns = clock_now_ns();
    conns_expire(&s->conns, now_ns);
    on_change(s);
    if (s->resting_until_ns != 0 && now_ns >= s->resting_until_ns) {
        s->resting_until_ns = 0;
        set_accepting(s);
    }
}

static void on_drained(evutil_socket_t fd, short events, void *arg)
{
    struct server *s = arg;
    void (*fn)(void *) = s->on_drained;
    (void)fd;
    (void)events;
    if (fn == NULL || !conns_are_over(&s->conns))
        return;
    s->on_drained = NULL;
    fn(s->arg);
}

static struct listener_address address_of(const struct server_options *options)
{
    return (struct listener_address){options->host, options->port, options->reuse_port};
}

bool server_reserve(const struct server_options *options, struct listener_sockets *out)
{
    const struct listener_address address = address_of(options);
    if (listener_is_free(&address))
        return listener_bind(&address, out);
    errno = EADDRINUSE;
    return false;
}

static bool open_listener(struct server *s, const struct server_options *options)
{
    const struct listener_address address = address_of(options);
    struct listener_sockets sockets;
    if (!listener_bind(&address, &sockets))
        return false;
    s->port = sockets.port;
    s->listener = listener_create(
        s->conns.base, &sockets,
        &(struct listener_handler){make_room, has_room, on_accept, on_accept_error, s});
    return s->listener != NULL;
}

static bool open_events(struct server *s)
{
    /* Often enough that a deadline is kept within an eighth, seldom enough to cost nothing. */
    int64_t every_ns = s->conns.request_timeout_ns / 8;
    every_ns = every_ns > CLOCK_S / 4 ? CLOCK_S / 4 : every_ns;
    const struct timeval every = {.tv_usec = (suseconds_t)(every_ns / 1000)};
    struct event_base *base = s->conns.base;
    s->drained = event_new(base, -1, 0, on_drained, s);
    s->sweep = event_new(base, -1, EV_PERSIST, on_sweep, s);
    return s->drained != NULL && s->sweep != NULL && event_add(s->sweep, &every) == 0;
}

struct server *server_create(struct loop *loop, const struct server_options *options,
                             struct router *router)
{
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->conns = (struct conns){
        .base = loop_base(loop),
        .router = router,
        .budget = {.body_bytes_max = options->max_body_bytes,
                   .small_bytes = SMALL_BODY_BYTES,
                   .held_bytes_max = options->max_body_bytes * HELD_BODIES},
        .request_timeout_ns = options->request_timeout_ns,
        .idle_timeout_ns = options->idle_timeout_ns,
        .share_percent = options->share_percent,
        .max = options->max_connections,
        .on_change = on_change,
        .arg = s,
    };
    if (conns_init(&s->conns) && open_events(s) && open_listener(s, options))
        return s;
    const int error = errno;
    server_destroy(s);
    errno = error;
    return NULL;
}

const char *server_mend(int error)
{
    if (error == EADDRNOTAVAIL)
        return "name an address of this machine, or 0.0.0.0 for all it has";
    if (error == EADDRINUSE)
        return "stop the program that has the port, or choose another port";
    if (error == EACCES)
        return "choose a port above 1023, or give the program CAP_NET_BIND_SERVICE";
    return "look at the reason";
}

int server_port(const struct server *s)
{
    return s->port;
}

void server_drain(struct server *s, void (*fn)(void *arg), void *arg)
{
    assert(fn != NULL && s->on_drained == NULL);
    conns_drain(&s->conns);
    if (s->listener != NULL) {
        listener_accept_waiting(s->listener);
        listener_destroy(s->listener);
    }
    s->listener = NULL;
    s->on_drained = fn;
    s->arg = arg;
    on_change(s);
}

void server_destroy(struct server *s)
{
    if (s == NULL)
        return;
    s->on_drained = NULL;
    conns_finish(&s->conns);
    listener_destroy(s->listener);
    if (s->drained != NULL)
        event_free(s->drained);
    if (s->sweep != NULL)
        event_free(s->sweep);
    free(s);
}
