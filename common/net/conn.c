/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is a bufferevent and a state. Requests are framed by the guard and nothing else.
 * Rejected: libevent's evhttp, which reads heads and chunk sizes without bound, takes framing that
 * a proxy reads differently, answers its own errors in HTML, and costs twice the system calls.
 *
 * An answer is offered to the socket at once: it nearly always fits, and that spares registering
 * for writability and taking it back, two system calls and a turn of the loop for each request.
 *
 * After the last answer the connection lingers: our side is shut, what still comes is thrown away,
 * until the client closes or its time is up. Closing at once while bytes are unread resets the
 * connection, and the client may see the reset instead of the answer.
 */
#include "common/net/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/base/clock.h"
#include "common/net/router.h"

enum {
    READ_BYTES_MAX = 65536,      /* of one read of a socket, and of what waits unread behind it */
    ANSWER_KEPT_BYTES = 262144,  /* memory the answer buffer may keep */
    UNSENT_BYTES_MAX = 67108864, /* of all answers their clients have not read yet */
    LINGER_BYTES_MAX = 1048576,  /* thrown away behind the last answer */
};

#define IDLE_NS     (60 * CLOCK_S)
#define LINGER_NS   (2 * CLOCK_S)
#define FAREWELL_NS (CLOCK_S / 2)

struct conn {
    struct conns *owner;
    struct conn *next, *prev; /* on owner's list */
    struct bufferevent *bev;  /* owned */
    struct call *call;        /* in READING and ASKED; lent while a handler has it */
    enum conn_state state;
    int64_t deadline_ns; /* of the state */
    size_t lingered;     /* bytes thrown away in LINGERING */
    size_t unsent;       /* bytes of the answer when ANSWERING began */
    bool closing;        /* the present answer is the last */
    bool ended;          /* the client sends no more, but may wait for answers */
    bool pumping;        /* requests are being read; whoever answers need not start that */
};

int conn_fd(const struct conn *c)
{
    return bufferevent_getfd(c->bev);
}

static bool is_busy(enum conn_state state)
{
    return state == CONN_READING || state == CONN_ASKED || state == CONN_ANSWERING;
}

static int64_t time_in(const struct conns *cs, enum conn_state state)
{
    switch (state) {
    case CONN_READING:
    case CONN_ANSWERING:
        return cs->request_timeout_ns;
    case CONN_ASKED:
        return INT64_MAX / 2;
    case CONN_LINGERING:
        return LINGER_NS;
    case CONN_IDLE:
        break;
    }
    return IDLE_NS;
}

/* The only place that changes a state. */
static void enter(struct conn *c, enum conn_state to)
{
    struct conns *cs = c->owner;
    const bool was_busy = is_busy(c->state);
    if (c->state == CONN_ANSWERING) {
        cs->unsent_bytes -= c->unsent;
        c->unsent = 0;
    }
    cs->busy += (size_t)is_busy(to) - (size_t)was_busy;
    c->state = to;
    c->deadline_ns = clock_now_ns() + time_in(cs, to);
    if (was_busy ? !is_busy(to) : is_busy(to) && cs->count >= cs->max)
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
        call_release(c->owner, call);
}

static void conn_destroy(struct conn *c)
{
    struct conns *cs = c->owner;
    part_from_call(c);
    enter(c, CONN_IDLE);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        cs->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    bufferevent_free(c->bev);
    free(c);
    cs->count--;
    router_connections(cs->router, cs->count);
    cs->on_change(cs->arg);
}

/* The socket is of no use any more. The next sweep destroys the connection: whoever noticed may
 * stand inside one of its callbacks. */
static void give_up(struct conn *c)
{
    enter(c, CONN_LINGERING);
    c->deadline_ns = 0;
}

/* The present answer has left. */
static void end_answer(struct conn *c)
{
    if (!c->closing) {
        enter(c, CONN_IDLE);
        return;
    }
    shutdown(conn_fd(c), SHUT_WR);
    if (c->ended)
        give_up(c);
    else
        enter(c, CONN_LINGERING);
}

static void send_answer(struct conn *c, struct slice bytes)
{
    ssize_t sent = 0;
    if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        sent = send(conn_fd(c), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        give_up(c);
        return;
    }
    const size_t done = sent > 0 ? (size_t)sent : 0;
    const struct slice rest = {bytes.data + done, bytes.size - done};
    if (rest.size == 0) {
        end_answer(c);
        return;
    }
    if (rest.size > UNSENT_BYTES_MAX - c->owner->unsent_bytes) {
        give_up(c);
        return;
    }
    enter(c, CONN_ANSWERING);
    c->unsent = rest.size;
    c->owner->unsent_bytes += c->unsent;
    if (bufferevent_write(c->bev, rest.data, rest.size) != 0)
        give_up(c);
}

/* RFC 9110 10.1.1. Not when something is still being written: a client that does not get it sends
 * its body anyway after a moment. */
static void send_continue(struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct guard *g = &c->call->guard;
    if (g->phase != GUARD_BODY || !g->head.expects_continue || g->head.old)
        return;
    g->head.expects_continue = false;
    if (g->body.size == 0 && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
        (void)!send(conn_fd(c), text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool begin_call(struct conn *c)
{
    c->call = call_take(c->owner);
    if (c->call == NULL)
        return false;
    c->call->conn = c;
    enter(c, CONN_READING);
    return true;
}

/* The request is complete, or refused by the guard. */
static void ask(struct conn *c)
{
    struct conns *cs = c->owner;
    struct call *call = c->call;
    const struct head_fault *fault = &call->guard.fault;
    enter(c, CONN_ASKED);
    call->started_ns = clock_now_ns();
    call->open = true;
    cs->open_calls++;
    if (fault->status == 0)
        router_dispatch(cs->router, call);
    else
        call_refuse(call, &(struct problem){
                              .status = fault->status,
                              .slug = fault->slug,
                              .detail = fault->detail,
                              .headers = {{fault->status == 503 ? "Retry-After" : NULL, "1"}}});
}

static void throw_away(struct conn *c, struct evbuffer *input)
{
    c->lingered += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (c->lingered > LINGER_BYTES_MAX)
        give_up(c);
}

/* Reads requests until one is being handled or the bytes run out. */
static void pump(struct conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    c->pumping = true;
    while (evbuffer_get_length(input) > 0 && (c->state == CONN_IDLE || c->state == CONN_READING)) {
        if (c->state == CONN_IDLE && !begin_call(c))
            give_up(c);
        else if (guard_feed(&c->call->guard, input))
            ask(c);
        else
            send_continue(c);
    }
    if (c->ended && (c->state == CONN_IDLE || c->state == CONN_READING))
        give_up(c);
    if (c->state == CONN_LINGERING)
        throw_away(c, input);
    c->pumping = false;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    pump(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    (void)bev;
    if (c->state != CONN_ANSWERING)
        return;
    end_answer(c);
    pump(c);
}

/* An idle connection of a server that stops. */
static void say_farewell(struct conn *c)
{
    const int64_t end_ns = clock_now_ns() + FAREWELL_NS;
    c->closing = true;
    if (c->deadline_ns > end_ns)
        c->deadline_ns = end_ns;
}

/* A client may shut its side after its requests and still wait for the answers. */
static void on_event(struct bufferevent *bev, short events, void *arg)
{
    struct conn *c = arg;
    (void)bev;
    const bool waits = c->state == CONN_ASKED || c->state == CONN_ANSWERING;
    if ((events & BEV_EVENT_EOF) != 0 && waits)
        c->ended = true;
    else if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        conn_destroy(c);
}

void conns_add(struct conns *cs, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    struct bufferevent *bev =
        c != NULL ? bufferevent_socket_new(cs->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (bev == NULL) {
        free(c);
        close(fd);
        return;
    }
    *c = (struct conn){.owner = cs, .bev = bev, .next = cs->first};
    if (cs->first != NULL)
        cs->first->prev = c;
    cs->first = c;
    cs->count++;
    router_connections(cs->router, cs->count);
    enter(c, CONN_IDLE);
    c->deadline_ns = clock_now_ns() + cs->request_timeout_ns; /* the first byte is due sooner */
    if (cs->draining)
        say_farewell(c);
    bufferevent_set_max_single_read(bev, READ_BYTES_MAX);
    bufferevent_setwatermark(bev, EV_READ, 0, READ_BYTES_MAX);
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

bool conns_shed(struct conns *cs)
{
    struct conn *oldest = NULL;
    for (struct conn *c = cs->first; c != NULL; c = c->next) {
        if (!is_busy(c->state) && (oldest == NULL || c->deadline_ns < oldest->deadline_ns))
            oldest = c;
    }
    if (oldest != NULL)
        conn_destroy(oldest);
    return oldest != NULL;
}

void conns_expire(struct conns *cs, int64_t now_ns)
{
    static const struct head_fault late = {408, "request-timeout",
                                           "the request was not complete within the time it has"};
    struct conn *next;
    for (struct conn *c = cs->first; c != NULL; c = next) {
        next = c->next;
        if (c->deadline_ns > now_ns)
            continue;
        if (c->state == CONN_IDLE && cs->draining) {
            end_answer(c);
            continue;
        }
        if (c->state != CONN_READING) {
            conn_destroy(c);
            continue;
        }
        guard_refuse(&c->call->guard, &late);
        ask(c);
    }
}

void conns_drain(struct conns *cs)
{
    cs->draining = true;
    for (struct conn *c = cs->first; c != NULL; c = c->next) {
        if (c->state == CONN_IDLE)
            say_farewell(c);
    }
}

bool conns_are_over(const struct conns *cs)
{
    if (!cs->draining || cs->busy > 0)
        return false;
    for (const struct conn *c = cs->first; c != NULL; c = c->next) {
        if (c->state == CONN_IDLE)
            return false;
    }
    return true;
}

void conns_finish(struct conns *cs)
{
    struct conn *next;
    for (struct conn *c = cs->first; c != NULL; c = next) {
        next = c->next;
        conn_destroy(c);
    }
    assert(cs->open_calls == 0);
    call_free_kept(cs);
    buffer_finish(&cs->answer);
}

bool call_is_last(const struct call *c)
{
    return c->guard.fault.status != 0 || !c->guard.head.keep_alive || c->conns->draining ||
           (c->conn != NULL && c->conn->closing);
}

void call_answered(struct call *call, int status)
{
    struct conn *c = call->conn;
    struct conns *cs = call->conns;
    cs->open_calls--;
    router_count(cs->router, call->route, status, clock_now_ns() - call->started_ns);
    if (c != NULL) {
        c->closing = call_is_last(call);
        c->call = NULL;
        if (cs->answer.failed)
            give_up(c);
        else
            send_answer(c, buffer_slice(&cs->answer));
        if (!c->pumping && (c->ended || evbuffer_get_length(bufferevent_get_input(c->bev)) > 0))
            bufferevent_trigger(c->bev, EV_READ,
                                BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    }
    if (cs->answer.capacity > ANSWER_KEPT_BYTES)
        buffer_finish(&cs->answer);
    call_release(cs, call);
}
