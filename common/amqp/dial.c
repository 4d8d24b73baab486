/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the name of a host to a connected socket, and TLS over it. The name is resolved here, not by
 * the bufferevent, because that would try only the first address: `localhost` may well begin with
 * ::1 and the broker listen on 127.0.0.1. Addresses never go to a resolver.
 *
 * A resolver answers even after it was cancelled, so a dial that waits for one outlives its link
 * and is freed by that answer.
 */
#include "common/amqp/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>

#include "common/amqp/frames.h"
#include "common/amqp/handshake.h"
#include "common/amqp/link_private.h"
#include "common/amqp/state.h"
#include "common/amqp/tls.h"
#include "common/core/clock.h"
#include "common/net/loop.h"

/* Bytes a socket may move in one turn of the loop. */
#define TURN_SIZE ((size_t)256 * 1024)

struct dial {
    struct link *link;                         /* NULL: cancelled */
    struct evdns_getaddrinfo_request *request; /* of the resolver; NULL: it has answered */
    struct evutil_addrinfo *addresses;         /* owned */
    struct evutil_addrinfo *next;              /* to try; NULL: the first again */
    unsigned left;                             /* addresses not tried yet */
};

static void free_dial(struct dial *d)
{
    if (d->addresses != NULL)
        evutil_freeaddrinfo(d->addresses);
    free(d);
}

void dial_stop(struct link *l)
{
    struct dial *d = l->dial;
    l->dial = NULL;
    if (d == NULL)
        return;
    d->link = NULL;
    if (d->request != NULL)
        evdns_getaddrinfo_cancel(d->request);
    else
        free_dial(d);
}

void dial_overdue(struct link *l)
{
    hosts_get(&l->hosts)->skip++;
}

static void tune_socket(evutil_socket_t fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static bool is_unreachable(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == ETIMEDOUT;
}

static const char *failure_text(struct link *l, short events)
{
    const int broken = EVUTIL_SOCKET_ERROR();
    SSL *ssl = bufferevent_openssl_get_ssl(l->bev);
    const char *reason =
        ssl != NULL ? tls_reason(ssl, bufferevent_get_openssl_error(l->bev)) : NULL;
    if (reason != NULL)
        return reason;
    /* Under TLS a failed connect is reported as an end of file, with the error beside it. */
    if ((events & BEV_EVENT_EOF) != 0 && !(l->state == LINK_CONNECTING && is_unreachable(broken)))
        return "connection closed by the other side";
    return evutil_socket_error_to_string(broken);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    loop_works();
    struct link *l = arg;
    (void)bev;
    link_enter(l);
    l->read_ns = clock_now_ns();
    frames_read(l);
    link_leave(l);
}

static void try_next(struct link *l);

static void on_event(struct bufferevent *bev, short events, void *arg)
{
    loop_works();
    struct link *l = arg;
    link_enter(l);
    if ((events & BEV_EVENT_CONNECTED) != 0) {
        tune_socket(bufferevent_getfd(bev));
        dial_stop(l);
        handshake_start(l);
    } else if (l->state == LINK_CONNECTING) {
        link_set_reason(l, "connecting to %s: %s", l->peer, failure_text(l, events));
        try_next(l);
    } else {
        link_drop(l, "%s while %s%s", failure_text(l, events), link_state_name(l->state),
                  l->state == LINK_TUNING ? " (user or password may be wrong)" : "");
    }
    link_leave(l);
}

static struct bufferevent *open_tls(struct link *l)
{
    char why[256];
    SSL *ssl = tls_open(l->options.ca_file, hosts_get(&l->hosts)->name, why, sizeof why);
    if (ssl == NULL) {
        link_set_reason(l, "%s", why);
        return NULL;
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        loop_base(l->loop), -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        SSL_free(ssl);
    else
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static bool connect_to(struct link *l, const struct evutil_addrinfo *address)
{
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    l->bev = l->options.tls ? open_tls(l)
                            : bufferevent_socket_new(loop_base(l->loop), -1, BEV_OPT_CLOSE_ON_FREE);
    if (l->bev == NULL)
        return false;
    l->in = bufferevent_get_input(l->bev);
    l->out = bufferevent_get_output(l->bev);
    bufferevent_setcb(l->bev, on_read, NULL, on_event, l);
    bufferevent_set_max_single_read(l->bev, TURN_SIZE);
    bufferevent_set_max_single_write(l->bev, TURN_SIZE);
    bufferevent_enable(l->bev, EV_READ | EV_WRITE);
    errno = 0;
    if (bufferevent_socket_connect(l->bev, address->ai_addr, (int)address->ai_addrlen) == 0)
        return true;
    link_set_reason(l, "connecting to %s: no socket", l->peer);
    return false;
}

static struct evutil_addrinfo *take_address(struct dial *d)
{
    struct evutil_addrinfo *address = d->next != NULL ? d->next : d->addresses;
    d->next = address->ai_next;
    return address;
}

static void try_next(struct link *l)
{
    struct dial *d = l->dial;
    while (d->left > 0) {
        d->left--;
        if (connect_to(l, take_address(d)))
            return;
    }
    link_drop(l, "%s", l->reason);
}

static void on_resolved(int error, struct evutil_addrinfo *addresses, void *arg)
{
    struct dial *d = arg;
    struct link *l = d->link;
    d->request = NULL;
    d->addresses = addresses;
    if (l == NULL) {
        free_dial(d);
        return;
    }
    link_enter(l);
    if (error != 0 || addresses == NULL) {
        link_drop(l, "host of %s cannot be resolved: %s", l->peer,
                  error != 0 ? evutil_gai_strerror(error) : "no address");
    } else {
        for (const struct evutil_addrinfo *a = addresses; a != NULL; a = a->ai_next)
            d->left++;
        for (unsigned i = hosts_get(&l->hosts)->skip % d->left; i > 0; i--)
            take_address(d);
        link_set_state(l, LINK_CONNECTING, "address known");
        try_next(l);
    }
    link_leave(l);
}

static void resolve(struct link *l, const struct host *host)
{
    struct evutil_addrinfo *found = NULL;
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP,
                                    .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
    char port[8];
    snprintf(port, sizeof port, "%u", host->port);
    if (evutil_getaddrinfo(host->name, port, &hints, &found) == 0) {
        on_resolved(0, found, l->dial);
        return;
    }
    struct evdns_base *dns = loop_dns(l->loop);
    if (dns == NULL) {
        link_drop(l, "no resolver: /etc/resolv.conf cannot be used");
        return;
    }
    hints.ai_flags = EVUTIL_AI_NUMERICSERV;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(dns, host->name, port, &hints, on_resolved, l->dial);
    /* NULL: it has answered already, and the dial may be gone. */
    if (request != NULL)
        l->dial->request = request;
}

void dial_start(struct link *l)
{
    if (l->hosts.count == 0) {
        link_drop(l, "'%s' is not a list of hosts", l->options.hosts);
        return;
    }
    const struct host *host = hosts_get(&l->hosts);
    const bool bare = strchr(host->name, ':') == NULL;
    snprintf(l->peer, sizeof l->peer, bare ? "%s:%u" : "[%s]:%u", host->name, host->port);
    l->dial = calloc(1, sizeof *l->dial);
    if (l->dial == NULL) {
        link_drop(l, "no memory to connect");
        return;
    }
    l->dial->link = l;
    resolve(l, host);
}
