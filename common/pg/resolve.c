/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One name after the other; the answer is given from a timer of its own, so that the caller is
 * never called back from inside its own call. An abandoned resolver lives on until the question in
 * flight is answered, as the resolver library cannot be made to forget it at once.
 */
#include "common/pg/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

#include "common/net/loop.h"

#define ADDRESSES_MAX 8 /* of one name */

struct resolve {
    struct loop *loop;       /* borrowed */
    struct event *answer;    /* owned; when to ask the next or to answer */
    char *names;             /* owned; the comma list */
    char *next;              /* in names: the one to ask now; NULL after the last */
    char *asked;             /* in names: the one in flight or last asked */
    struct buffer hosts;     /* "name,name" */
    struct buffer addresses; /* "address,address" */
    char reason[256];        /* of the last name that failed */
    resolve_fn fn;           /* NULL: abandoned */
    void *arg;
    bool waiting; /* a question is in flight */
};

static void destroy(struct resolve *r)
{
    if (r->answer != NULL)
        event_free(r->answer);
    buffer_finish(&r->hosts);
    buffer_finish(&r->addresses);
    free(r->names);
    free(r);
}

static void add_pair(struct resolve *r, const char *address)
{
    if (r->hosts.size > 0) {
        buffer_add_byte(&r->hosts, ',');
        buffer_add_byte(&r->addresses, ',');
    }
    buffer_add_text(&r->hosts, r->asked);
    buffer_add_text(&r->addresses, address);
}

static void add_address(struct resolve *r, const struct evutil_addrinfo *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes = NULL;
    if (a->ai_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
    else if (a->ai_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;
    if (bytes != NULL && evutil_inet_ntop(a->ai_family, bytes, text, sizeof text) != NULL)
        add_pair(r, text);
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *arg)
{
    struct resolve *r = arg;
    unsigned count = 0;
    r->waiting = false;
    for (const struct evutil_addrinfo *a = found; a != NULL && count < ADDRESSES_MAX;
         a = a->ai_next)
        add_address(r, a), count++;
    if (found != NULL)
        evutil_freeaddrinfo(found);
    if (count == 0)
        snprintf(r->reason, sizeof r->reason, "cannot resolve %s: %s", r->asked,
                 evutil_gai_strerror(result));
    if (r->fn == NULL)
        destroy(r);
    else
        event_active(r->answer, EV_TIMEOUT, 0);
}

static bool is_literal(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Without a resolver (no resolv.conf) one name is still known. */
static void ask_without_dns(struct resolve *r)
{
    if (strcmp(r->asked, "localhost") == 0)
        add_pair(r, "127.0.0.1");
    else
        snprintf(r->reason, sizeof r->reason, "cannot resolve %s: no name servers", r->asked);
    event_active(r->answer, EV_TIMEOUT, 0);
}

static void ask(struct resolve *r)
{
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    r->asked = strsep(&r->next, ",");
    if (r->asked[0] == '/' || is_literal(r->asked)) {
        add_pair(r, r->asked[0] == '/' ? "" : r->asked);
        event_active(r->answer, EV_TIMEOUT, 0);
        return;
    }
    struct evdns_base *dns = loop_dns(r->loop);
    if (dns == NULL) {
        ask_without_dns(r);
        return;
    }
    r->waiting = true;
    (void)evdns_getaddrinfo(dns, r->asked, NULL, &hints, on_resolved, r);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *r = arg;
    (void)fd, (void)what;
    loop_works();
    if (r->next != NULL) {
        ask(r);
        return;
    }
    if (r->hosts.size == 0) {
        r->fn(r->arg, NULL, NULL, r->reason);
    } else {
        buffer_add_byte(&r->hosts, 0);
        buffer_add_byte(&r->addresses, 0);
        const bool failed = r->hosts.failed || r->addresses.failed;
        r->fn(r->arg, failed ? NULL : r->hosts.data, r->addresses.data, "out of memory");
    }
    destroy(r);
}

struct resolve *resolve_start(struct loop *loop, const char *hosts, resolve_fn fn, void *arg)
{
    struct resolve *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct resolve){.loop = loop, .names = strdup(hosts), .fn = fn, .arg = arg};
    r->answer = evtimer_new(loop_base(loop), on_answer, r);
    if (r->names == NULL || r->answer == NULL) {
        destroy(r);
        return NULL;
    }
    r->next = r->names;
    event_active(r->answer, EV_TIMEOUT, 0);
    return r;
}

void resolve_rotate(const char *list, size_t skip, struct buffer *out)
{
    size_t count = 1;
    const char *from = list;
    for (const char *p = list; *p != 0; p++)
        count += *p == ',';
    for (skip %= count; skip > 0; skip--)
        from = strchr(from, ',') + 1;
    buffer_add_text(out, from);
    if (from != list) {
        buffer_add_byte(out, ',');
        buffer_add(out, list, (size_t)(from - list) - 1);
    }
    buffer_add_byte(out, 0);
}

void resolve_abandon(struct resolve *r)
{
    if (r == NULL)
        return;
    r->fn = NULL;
    if (!r->waiting)
        destroy(r);
}
