/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a request gets past evhttp and back:
 *
 *   socket -> bufferevent's input -> on_input: guard_feed takes the bytes out again
 *     request complete -> "GET /<slot>" goes into the input in their place   (the ticket)
 *     evhttp parses it when it is its turn -> conns_on_ticket -> router, handler
 *     call_reply -> evhttp writes the answer -> on_written: the next request may be read
 *
 * One exchange at a time: what a client pipelines behind the present request waits as raw bytes
 * in `rest`, at most one read's worth, because evhttp does not read while a request is pending.
 * Nobody but this file writes into that input, so no client can forge a ticket.
 *
 * evhttp tells a bufferevent's maker nothing of the connection made around it. It does put itself
 * into the bufferevent as the callbacks' argument, and from there conns_adopt takes it, to hear of
 * the connection's end. Until then a reference of ours keeps the bufferevent alive.
 */
#include "common/net/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "common/base/clock.h"

enum {
    FREE_CALLS_MAX = 256,   /* kept for reuse */
    READ_BYTES_MAX = 65536, /* of one read of a socket, and so of `rest` */
};

struct conn {
    struct conns *owner;
    size_t slot;
    enum conn_state state;
    struct bufferevent *bev;        /* evhttp's */
    struct evbuffer_cb_entry *hook; /* of on_input */
    struct call *call;              /* while READING and ASKED */
    struct evbuffer *rest;          /* owned; NULL or bytes behind the present request */
    struct conn *next, *prev;       /* on `reading`; next also on `newborn` */
    bool closing;                   /* nothing that still comes is looked at */
    bool inside;                    /* on_input is changing the buffer itself */
};

bool conns_init(struct conns *cs, size_t max)
{
    cs->slots = calloc(max, sizeof(struct conn *));
    cs->free_slots = calloc(max, sizeof(size_t));
    if (cs->slots == NULL || cs->free_slots == NULL)
        return false;
    cs->max = max;
    for (size_t i = 0; i < max; i++)
        cs->free_slots[i] = max - 1 - i;
    return true;
}

void conns_finish(struct conns *cs)
{
    assert(cs->count == 0 && cs->open_calls == 0);
    while (cs->free_calls != NULL) {
        struct call *call = cs->free_calls;
        cs->free_calls = call->next_free;
        guard_finish(&call->guard);
        free(call);
    }
    free(cs->slots);
    free(cs->free_slots);
}

static struct call *take_call(struct conns *cs)
{
    struct call *call = cs->free_calls;
    if (call != NULL) {
        cs->free_calls = call->next_free;
        cs->free_call_count--;
        return call;
    }
    call = calloc(1, sizeof *call);
    if (call != NULL) {
        guard_init(&call->guard, &cs->budget);
        call->conns = cs;
    }
    return call;
}

static void release_call(struct conns *cs, struct call *call)
{
    guard_clear(&call->guard);
    *call = (struct call){.guard = call->guard, .conns = cs, .next_free = cs->free_calls};
    if (cs->free_call_count == FREE_CALLS_MAX) {
        guard_finish(&call->guard);
        free(call);
        return;
    }
    cs->free_calls = call;
    cs->free_call_count++;
}

static void link_reading(struct conn *c)
{
    struct conns *cs = c->owner;
    c->prev = cs->reading_last;
    c->next = NULL;
    if (cs->reading_last != NULL)
        cs->reading_last->next = c;
    else
        cs->reading = c;
    cs->reading_last = c;
}

static void unlink_reading(struct conn *c)
{
    struct conns *cs = c->owner;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        cs->reading = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        cs->reading_last = c->prev;
    c->prev = c->next = NULL;
}

/* The only place that changes a state. */
static void enter(struct conn *c, enum conn_state to)
{
    struct conns *cs = c->owner;
    if (c->state == CONN_READING)
        unlink_reading(c);
    if (to == CONN_READING)
        link_reading(c);
    cs->busy += (size_t)(to != CONN_IDLE) - (size_t)(c->state != CONN_IDLE);
    c->state = to;
    if (to == CONN_IDLE && cs->draining)
        cs->on_change(cs->arg);
}

static void conn_destroy(struct conn *c)
{
    struct conns *cs = c->owner;
    enter(c, CONN_IDLE);
    cs->slots[c->slot] = NULL;
    cs->count--;
    cs->free_slots[cs->max - cs->count - 1] = c->slot;
    router_connections(cs->router, cs->count);
    if (c->rest != NULL)
        evbuffer_free(c->rest);
    free(c);
    cs->on_change(cs->arg);
}

/* The call goes on without a connection when a handler has it: its answer goes nowhere. */
static void part_from_call(struct conn *c)
{
    struct call *call = c->call;
    if (call == NULL)
        return;
    c->call = NULL;
    call->conn = NULL;
    if (!call->open)
        release_call(c->owner, call);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *c = arg;
    (void)evcon;
    evbuffer_remove_cb_entry(bufferevent_get_input(c->bev), c->hook);
    part_from_call(c);
    conn_destroy(c);
}

/* Only when memory ran out: evhttp takes it for an error of the socket. */
static void fail(struct conn *c)
{
    c->closing = true;
    bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_ERROR,
                              BEV_TRIG_DEFER_CALLBACKS);
}

static void give_ticket(struct conn *c)
{
    char ticket[64];
    const int size = snprintf(ticket, sizeof ticket, "GET /%zu HTTP/1.1\r\n\r\n", c->slot);
    struct evbuffer *input = bufferevent_get_input(c->bev);
    const bool inside = c->inside;
    enter(c, CONN_ASKED);
    c->call->started_ns = clock_now_ns();
    c->closing = c->closing || c->call->guard.fault.status != 0;
    c->inside = true;
    if (evbuffer_prepend(input, ticket, (size_t)size) != 0)
        fail(c);
    c->inside = inside;
}

/* RFC 9110 10.1.1. Past evhttp, which is waiting for a request and has nothing to write; a client
 * that does not get it sends its body anyway after a moment. */
static void send_continue(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct guard *g = &c->call->guard;
    if (g->phase != GUARD_BODY || !g->head.expects_continue || g->head.old)
        return;
    g->head.expects_continue = false;
    if (g->body.size == 0 && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        (void)!send(bufferevent_getfd(c->bev), text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool begin_call(struct conn *c)
{
    c->call = take_call(c->owner);
    if (c->call == NULL)
        return false;
    c->call->conn = c;
    c->call->began_ns = clock_now_ns();
    enter(c, CONN_READING);
    return true;
}

/* Reads a request off the front of `bytes`. */
static void read_request(struct conn *c, struct evbuffer *bytes)
{
    if (c->state == CONN_IDLE && !begin_call(c)) {
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
        fail(c);
        return;
    }
    if (!guard_feed(&c->call->guard, bytes)) {
        send_continue(c);
        return;
    }
    if (c->call->guard.fault.status != 0)
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
}

static void keep_rest(struct conn *c, struct evbuffer *bytes)
{
    if (evbuffer_get_length(bytes) == 0)
        return;
    if (c->rest == NULL)
        c->rest = evbuffer_new();
    if (c->rest == NULL || evbuffer_add_buffer(c->rest, bytes) != 0) {
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
        fail(c);
    }
}

static bool is_complete(const struct conn *c)
{
    return c->state == CONN_READING && c->call->guard.phase == GUARD_DONE;
}

/* Bytes came while evhttp still has the ticket in its input: they go behind the rest. */
static void take_tail(struct conn *c, struct evbuffer *input, size_t size)
{
    struct evbuffer *front = evbuffer_new();
    const size_t front_size = evbuffer_get_length(input) - size;
    if (front == NULL) {
        fail(c);
        return;
    }
    evbuffer_remove_buffer(input, front, front_size);
    keep_rest(c, input);
    evbuffer_prepend_buffer(input, front);
    evbuffer_free(front);
}

static void take(struct conn *c, struct evbuffer *input, size_t size)
{
    if (c->state == CONN_ASKED || c->state == CONN_ANSWERING) {
        take_tail(c, input, size);
        return;
    }
    assert(evbuffer_get_length(input) == size);
    if (c->closing) {
        evbuffer_drain(input, size);
        return;
    }
    read_request(c, input);
    if (is_complete(c)) {
        keep_rest(c, input);
        give_ticket(c);
    }
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;
    if (info->n_added == 0 || c->inside)
        return;
    c->inside = true;
    take(c, input, info->n_added);
    c->inside = false;
}

/* An answer has left; what the client pipelined behind the request is next. */
static void on_written(struct evhttp_request *ticket, void *arg)
{
    struct conn *c = arg;
    (void)ticket;
    enter(c, CONN_IDLE);
    if (c->closing || c->rest == NULL)
        return;
    read_request(c, c->rest);
    if (is_complete(c))
        give_ticket(c);
    if (c->rest != NULL && evbuffer_get_length(c->rest) == 0) {
        evbuffer_free(c->rest);
        c->rest = NULL;
    }
}

/* There is no room to guard this connection: it is never listened to, and times out. */
static void on_unguarded_input(struct evbuffer *input, const struct evbuffer_cb_info *info,
                               void *arg)
{
    (void)arg;
    if (info->n_added > 0)
        evbuffer_drain(input, evbuffer_get_length(input));
}

static struct conn *conn_create(struct conns *cs, struct bufferevent *bev)
{
    struct conn *c = cs->count < cs->max ? calloc(1, sizeof *c) : NULL;
    if (c == NULL)
        return NULL;
    *c = (struct conn){.owner = cs, .bev = bev, .next = cs->newborn};
    c->hook = evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    if (c->hook == NULL) {
        free(c);
        return NULL;
    }
    c->slot = cs->free_slots[cs->max - cs->count - 1];
    cs->slots[c->slot] = c;
    cs->newborn = c;
    cs->count++;
    router_connections(cs->router, cs->count);
    return c;
}

struct bufferevent *conns_add(struct conns *cs)
{
    struct bufferevent *bev = bufferevent_socket_new(cs->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        return NULL;
    bufferevent_set_max_single_read(bev, READ_BYTES_MAX);
    if (conn_create(cs, bev) != NULL)
        bufferevent_incref(bev);
    else
        evbuffer_add_cb(bufferevent_get_input(bev), on_unguarded_input, NULL);
    return bev;
}

void conns_adopt(struct conns *cs)
{
    while (cs->newborn != NULL) {
        struct conn *c = cs->newborn;
        struct bufferevent *bev = c->bev;
        void *evcon = NULL;
        cs->newborn = c->next;
        c->next = NULL;
        bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
        if (evcon != NULL)
            evhttp_connection_set_closecb(evcon, on_close, c);
        else
            on_close(NULL, c);
        bufferevent_decref(bev);
    }
}

void conns_expire(struct conns *cs, int64_t began_before_ns)
{
    static const struct head_fault late = {408, "request-timeout",
                                           "the request was not complete within the time it has"};
    while (cs->reading != NULL && cs->reading->call->began_ns < began_before_ns) {
        struct conn *c = cs->reading;
        guard_refuse(&c->call->guard, &late);
        give_ticket(c);
        bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    }
}

static struct conn *find_conn(const struct conns *cs, struct evhttp_request *ticket)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(ticket);
    const struct slice uri = slice_of(evhttp_request_get_uri(ticket));
    uint64_t slot = 0;
    if (uri.size < 2 ||
        !slice_to_u64((struct slice){uri.data + 1, uri.size - 1}, cs->max - 1, &slot))
        return NULL;
    struct conn *c = cs->slots[slot];
    return c != NULL && c->bev == evhttp_connection_get_bufferevent(evcon) ? c : NULL;
}

void conns_on_ticket(struct evhttp_request *ticket, void *arg)
{
    struct conns *cs = arg;
    struct conn *c = find_conn(cs, ticket);
    if (c == NULL) { /* evhttp made the bufferevent itself: memory had run out */
        evhttp_add_header(evhttp_request_get_output_headers(ticket), "Connection", "close");
        evhttp_send_reply(ticket, 503, "Service Unavailable", NULL);
        return;
    }
    assert(c->state == CONN_ASKED);
    struct call *call = c->call;
    const struct head_fault *fault = &call->guard.fault;
    call->ticket = ticket;
    call->open = true;
    cs->open_calls++;
    evhttp_request_set_on_complete_cb(ticket, on_written, c);
    if (fault->status == 0)
        router_dispatch(cs->router, call);
    else
        call_refuse(call, &(struct problem){.status = fault->status,
                                            .slug = fault->slug,
                                            .detail = fault->detail});
}

bool call_is_last(const struct call *c)
{
    return c->guard.fault.status != 0 || !c->guard.head.keep_alive || c->conns->draining;
}

void call_answered(struct call *call, int status)
{
    struct conn *c = call->conn;
    struct conns *cs = call->conns;
    cs->open_calls--;
    router_count(cs->router, call->route, status, clock_now_ns() - call->started_ns);
    if (c != NULL) {
        c->closing = c->closing || call_is_last(call);
        c->call = NULL;
        enter(c, CONN_ANSWERING);
    }
    release_call(cs, call);
}
