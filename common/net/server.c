/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener and the clock of the connections: a bound on them, a sweep that ends what is
 * overdue, rest when descriptors run out, and a drain.
 *
 * When there are as many connections as there may be, a new one takes the place of an idle one, so
 * that nobody shuts others out by holding connections; while all are busy the listener rests and
 * the kernel's backlog holds the others.
 */
#include "common/net/server.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/net/conn.h"
#include "common/net/loop.h"

enum {
    BACKLOG = 1024,
    HELD_BODIES = 8,          /* largest bodies that may be held at once */
    SMALL_BODY_BYTES = 65536, /* not counted: the number of connections bounds them */
};

struct server {
    struct conns conns;
    struct evconnlistener *listener; /* owned; NULL once draining */
    struct event *sweep, *drained;   /* owned */
    int64_t resting_until_ns;        /* no descriptors: not accepting until then; 0 = no */
    struct log_repeat no_descriptors;
    int port;
    void (*on_drained)(void *arg);
    void *arg;
};

static bool is_full(const struct server *s)
{
    return s->conns.count >= s->conns.max;
}

static void set_accepting(struct server *s)
{
    if (s->listener == NULL)
        return;
    const bool all_busy = is_full(s) && s->conns.busy >= s->conns.count;
    if (all_busy || s->resting_until_ns != 0)
        evconnlistener_disable(s->listener);
    else
        evconnlistener_enable(s->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *arg)
{
    struct server *s = arg;
    (void)listener;
    (void)address;
    (void)size;
    if (is_full(s))
        conns_shed(&s->conns);
    conns_add(&s->conns, fd);
    if (is_full(s))
        set_accepting(s);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct server *s = arg;
    const int error = errno;
    uint64_t held = 0;
    (void)listener;
    s->resting_until_ns = clock_now_ns() + CLOCK_S / 4;
    set_accepting(s);
    if (log_repeat_due(&s->no_descriptors, &held))
        log_warning("http_accept_failed", "a connection cannot be accepted, resting a moment",
                    LOG_TEXT("reason", evutil_socket_error_to_string(error)),
                    LOG_INT("held_back", held));
}

/* Connections or requests became fewer. */
static void on_change(void *arg)
{
    struct server *s = arg;
    set_accepting(s);
    if (s->on_drained != NULL && conns_are_over(&s->conns))
        event_active(s->drained, EV_TIMEOUT, 0);
}

static void on_sweep(evutil_socket_t fd, short events, void *arg)
{
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

static struct addrinfo *resolve(const struct server_options *options)
{
    struct addrinfo *found = NULL;
    char port[16];
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    snprintf(port, sizeof port, "%d", options->port);
    const char *host = options->host[0] != 0 ? options->host : NULL;
    if (getaddrinfo(host, port, &hints, &found) == 0)
        return found;
    errno = EADDRNOTAVAIL;
    return NULL;
}

/* Accepted sockets inherit TCP_NODELAY: answers are written whole, waiting gains nothing. */
static void set_no_delay(evutil_socket_t fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int port_of(evutil_socket_t fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address = {.six = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

/* A socket that shares its port would also share it with another producer on this machine. */
static bool is_free(const struct addrinfo *address)
{
    const int on = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool taken = bind(fd, address->ai_addr, address->ai_addrlen) != 0 && errno == EADDRINUSE;
    close(fd);
    return !taken;
}

int server_reserve(const struct server_options *options, int *out_port)
{
    const int on = 1;
    struct addrinfo *address = resolve(options);
    if (address == NULL)
        return -1;
    if (!is_free(address)) {
        freeaddrinfo(address);
        errno = EADDRINUSE;
        return -1;
    }
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                       bind(fd, address->ai_addr, address->ai_addrlen) == 0;
    const int error = errno;
    freeaddrinfo(address);
    if (bound) {
        *out_port = port_of(fd);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static bool open_listener(struct server *s, const struct server_options *options)
{
    struct addrinfo *address = resolve(options);
    if (address == NULL)
        return false;
    const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE |
                           (options->reuse_port ? LEV_OPT_REUSEABLE_PORT : 0);
    s->listener = evconnlistener_new_bind(s->conns.base, on_accept, s, flags, BACKLOG,
                                          address->ai_addr, (int)address->ai_addrlen);
    const int error = errno;
    freeaddrinfo(address);
    errno = error;
    if (s->listener == NULL)
        return false;
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    set_no_delay(evconnlistener_get_fd(s->listener));
    s->port = port_of(evconnlistener_get_fd(s->listener));
    return true;
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
        .max = options->max_connections,
        .on_change = on_change,
        .arg = s,
    };
    if (open_events(s) && open_listener(s, options))
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

/* Closing a listener resets who has connected and was not accepted, with what they may have sent.
 */
static void accept_waiting(struct server *s)
{
    const int listener = evconnlistener_get_fd(s->listener);
    while (!is_full(s)) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            conns_add(&s->conns, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

void server_drain(struct server *s, void (*fn)(void *arg), void *arg)
{
    assert(fn != NULL && s->on_drained == NULL);
    conns_drain(&s->conns);
    if (s->listener != NULL) {
        accept_waiting(s);
        evconnlistener_free(s->listener);
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
    if (s->listener != NULL)
        evconnlistener_free(s->listener);
    if (s->drained != NULL)
        event_free(s->drained);
    if (s->sweep != NULL)
        event_free(s->sweep);
    free(s);
}
