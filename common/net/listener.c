/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many are accepted in a turn of the loop is bounded: those who come and go by the thousand
 * wait in the kernel's backlog rather than make those who are in wait for them.
 */
#include "common/net/listener.h"
#include "common/net/loop.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum {
    BACKLOG = 1024,
    ACCEPTED_MAX = 16, /* in a turn of the loop, a socket */
    PORTS_TRIED = 10,  /* more, when the one the kernel chose is taken on another address */
};

struct listener {
    struct listener_sockets sockets;             /* owned */
    struct event *ready[LISTENER_ADDRESSES_MAX]; /* owned */
    struct listener_handler handler;
    bool accepting;
};

static struct addrinfo *resolve(const struct listener_address *address)
{
    struct addrinfo *found = NULL;
    char port[16];
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    snprintf(port, sizeof port, "%d", address->port);
    const char *host = address->host[0] != 0 ? address->host : NULL;
    if (getaddrinfo(host, port, &hints, &found) == 0)
        return found;
    errno = EADDRNOTAVAIL;
    return NULL;
}

static in_port_t *port_in(struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return &((struct sockaddr_in6 *)(void *)address)->sin6_port;
    return &((struct sockaddr_in *)(void *)address)->sin_port;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address = {.six = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(*port_in(&address.any));
}

/* A name may be told to have an address twice. */
static bool is_told_before(const struct addrinfo *first, const struct addrinfo *address)
{
    for (const struct addrinfo *a = first; a != address; a = a->ai_next) {
        if (a->ai_addrlen == address->ai_addrlen &&
            memcmp(a->ai_addr, address->ai_addr, a->ai_addrlen) == 0)
            return true;
    }
    return false;
}

/* -1: errno says why. */
static int open_bound(const struct addrinfo *address, bool reuse_port, bool beside_others)
{
    const int on = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (beside_others && address->ai_family == AF_INET6) /* else :: would take IPv4's port too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    /* Accepted sockets inherit it: answers are written whole, waiting gains nothing. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void listener_close(struct listener_sockets *s)
{
    const int error = errno;
    for (size_t i = 0; i < s->count; i++)
        close(s->fd[i]);
    s->count = 0;
    errno = error;
}

static bool is_not_here(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

/* The one the kernel chose is for all. */
static void set_port(const struct addrinfo *first, int port)
{
    for (const struct addrinfo *a = first; a != NULL; a = a->ai_next)
        *port_in(a->ai_addr) = htons((in_port_t)port);
}

static bool bind_all(const struct addrinfo *first, bool reuse_port, struct listener_sockets *s)
{
    const bool several = first->ai_next != NULL;
    for (const struct addrinfo *a = first; a != NULL && s->count < LISTENER_ADDRESSES_MAX;
         a = a->ai_next) {
        if (is_told_before(first, a))
            continue;
        const int fd = open_bound(a, reuse_port, several);
        if (fd < 0 && !is_not_here(errno))
            return false;
        if (fd < 0)
            continue;
        s->fd[s->count++] = fd;
        s->port = port_of(fd);
        set_port(first, s->port);
    }
    return s->count > 0;
}

bool listener_bind(const struct listener_address *address, struct listener_sockets *out)
{
    struct listener_sockets s = {0};
    struct addrinfo *found = resolve(address);
    if (found == NULL)
        return false;
    bool bound = bind_all(found, address->reuse_port, &s);
    for (int i = 0; i < PORTS_TRIED && !bound && errno == EADDRINUSE && address->port == 0; i++) {
        listener_close(&s);
        set_port(found, 0);
        bound = bind_all(found, address->reuse_port, &s);
    }
    const int error = errno;
    freeaddrinfo(found);
    errno = error;
    if (!bound) {
        listener_close(&s);
        return false;
    }
    *out = s;
    return true;
}

/* A socket that shares its port would also share it with another program on this machine. */
bool listener_is_free(const struct listener_address *address)
{
    struct listener_sockets s = {0};
    const struct listener_address alone = {address->host, address->port, false};
    const bool taken = !listener_bind(&alone, &s) && errno == EADDRINUSE;
    listener_close(&s);
    return !taken;
}

/* Room is made for the first, which waits for certain; others come in while there is room. */
static void accept_some(struct listener *l, int from, int most)
{
    void *arg = l->handler.arg;
    if (!l->handler.make_room(arg))
        return;
    do {
        const int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            l->handler.on_accept(arg, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR && errno != ECONNABORTED)
            l->handler.on_error(arg, errno);
    } while (--most > 0 && l->accepting && l->handler.has_room(arg));
}

static void on_ready(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    (void)events;
    accept_some(arg, fd, ACCEPTED_MAX);
}

void listener_accept_waiting(struct listener *l)
{
    for (size_t i = 0; i < l->sockets.count && l->accepting; i++) {
        if (l->handler.has_room(l->handler.arg))
            accept_some(l, l->sockets.fd[i], BACKLOG);
    }
}

void listener_set_accepting(struct listener *l, bool accepting)
{
    if (l->accepting == accepting)
        return;
    l->accepting = accepting;
    for (size_t i = 0; i < l->sockets.count; i++) {
        if (accepting)
            event_add(l->ready[i], NULL);
        else
            event_del(l->ready[i]);
    }
}

static bool listen_on_all(struct listener *l, struct event_base *base)
{
    for (size_t i = 0; i < l->sockets.count; i++) {
        const int fd = l->sockets.fd[i];
        if (listen(fd, BACKLOG) != 0)
            return false;
        l->ready[i] = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, l);
        if (l->ready[i] == NULL)
            return false;
    }
    return true;
}

struct listener *listener_create(struct event_base *base, struct listener_sockets *sockets,
                                 const struct listener_handler *handler)
{
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        listener_close(sockets);
        return NULL;
    }
    *l = (struct listener){.sockets = *sockets, .handler = *handler};
    sockets->count = 0;
    if (!listen_on_all(l, base)) {
        const int error = errno;
        listener_destroy(l);
        errno = error;
        return NULL;
    }
    listener_set_accepting(l, true);
    return l;
}

void listener_destroy(struct listener *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < LISTENER_ADDRESSES_MAX; i++) {
        if (l->ready[i] != NULL)
            event_free(l->ready[i]);
    }
    listener_close(&l->sockets);
    free(l);
}
