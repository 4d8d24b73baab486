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
 * connection, and the client may see the reset instead of the answer. Many send the whole of a
 * large body before they look for one, so a refusal lingers for as much as a body may have.
 */
#include "common/net/conn_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/net/router.h"

enum {
    READ_BYTES_MAX = 65536,      /* of one read of a socket, and of what waits unread behind it */
    ANSWER_KEPT_BYTES = 262144,  /* memory the answer buffer may keep */
    UNSENT_BYTES_MAX = 67108864, /* of all answers their clients have not read yet */
    LINGER_BODIES = 4,           /* largest bodies that are thrown away behind the last answer */
};

#define LINGER_NS    (2 * CLOCK_S) /* without a byte */
#define LONG_TURN_NS CLOCK_MS /* of the loop: then who else has sent something waits his turn */

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
    return cs->idle_timeout_ns;
}

void conn_enter(struct conn *c, enum conn_state to)
{
    struct conns *cs = c->owner;
    const enum conn_state from = c->state;
    if (from == CONN_ANSWERING) {
        cs->unsent_bytes -= c->unsent;
        c->unsent = 0;
    }
    cs->busy += (size_t)is_busy(to) - (size_t)is_busy(from);
    cs->asked += (size_t)(to == CONN_ASKED) - (size_t)(from == CONN_ASKED);
    c->state = to;
    c->moved = 0;
    c->since_ns = clock_now_ns();
    c->deadline_ns = c->since_ns + time_in(cs, to);
    const bool is_freer = is_busy(from) && !is_busy(to);
    const bool may_be_full = cs->count >= cs->max && (from == CONN_ASKED || to == CONN_ASKED);
    if (is_freer || may_be_full)
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
    if (call->open)
        call_gone(call);
    else
        call_release(c->owner, call);
}

void conn_destroy(struct conn *c)
{
    struct conns *cs = c->owner;
    part_from_call(c);
    conn_enter(c, CONN_IDLE);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        cs->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    conns_leave_line(c);
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
    conn_enter(c, CONN_LINGERING);
    c->deadline_ns = 0;
}

/* The present answer has left. */
void conn_end_answer(struct conn *c)
{
    if (!c->closing) {
        conn_enter(c, CONN_IDLE);
        return;
    }
    shutdown(conn_fd(c), SHUT_WR);
    if (c->ended)
        give_up(c);
    else
        conn_enter(c, CONN_LINGERING);
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
        conn_end_answer(c);
        return;
    }
    if (rest.size > UNSENT_BYTES_MAX - c->owner->unsent_bytes) {
        give_up(c);
        return;
    }
    conn_enter(c, CONN_ANSWERING);
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
    conn_enter(c, CONN_READING);
    return true;
}

/* The request is complete, or refused by the guard. */
static void ask(struct conn *c)
{
    struct conns *cs = c->owner;
    struct call *call = c->call;
    const struct head_fault *fault = &call->guard.fault;
    conn_enter(c, CONN_ASKED);
    c->asked_before = true;
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

void conn_refuse(struct conn *c, const struct head_fault *fault)
{
    guard_refuse(&c->call->guard, fault);
    ask(c);
}

static void throw_away(struct conn *c, struct evbuffer *input)
{
    const struct conns *cs = c->owner;
    const int64_t now_ns = clock_now_ns();
    if (c->deadline_ns == 0) /* given up */
        return;
    c->moved += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (c->moved / LINGER_BODIES > cs->budget.body_bytes_max ||
        now_ns - c->since_ns > cs->request_timeout_ns)
        give_up(c);
    else
        c->deadline_ns = now_ns + LINGER_NS;
}

/* False: more bytes are needed. */
static bool read_request(struct conn *c, struct evbuffer *input)
{
    const size_t before = evbuffer_get_length(input);
    const bool complete = guard_feed(&c->call->guard, input);
    c->moved += before - evbuffer_get_length(input);
    if (complete)
        ask(c);
    else
        send_continue(c);
    return complete;
}

static bool is_reading(const struct conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_READING;
}

void conn_pump(struct conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    bool handled = false;
    c->pumping = true;
    while (!handled && evbuffer_get_length(input) > 0 && is_reading(c)) {
        if (c->state == CONN_IDLE && !begin_call(c))
            give_up(c);
        else
            handled = read_request(c, input);
    }
    c->pumping = false;
    if (c->state == CONN_LINGERING && evbuffer_get_length(input) > 0)
        throw_away(c, input);
    else if (is_reading(c) && evbuffer_get_length(input) > 0)
        conns_wait_turn(c);
    else if (is_reading(c) && c->ended)
        give_up(c);
}

/* Who sends on while he waits is not read on. */
static void on_read(struct bufferevent *bev, void *arg)
{
    const int64_t began_ns = loop_works();
    struct conn *c = arg;
    struct conns *cs = c->owner;
    if (c->line != NULL)
        bufferevent_disable(bev, EV_READ);
    else if (conns_are_resting(cs) || loop_turn_ns() > LONG_TURN_NS)
        conns_wait_turn(c);
    else
        conn_pump(c);
    const int64_t ended_ns = clock_now_ns();
    conn_spend(c, ended_ns - began_ns, ended_ns);
    conns_worked(cs, began_ns, ended_ns);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    loop_works();
    struct conn *c = arg;
    (void)bev;
    if (c->state != CONN_ANSWERING)
        return;
    conn_end_answer(c);
    conns_wait_turn(c);
}

/* A client may shut its side after its requests and still wait for the answers. */
static void on_event(struct bufferevent *bev, short events, void *arg)
{
    struct conn *c = arg;
    (void)bev;
    const bool waits = c->state == CONN_ASKED || c->state == CONN_ANSWERING || c->line != NULL;
    if ((events & BEV_EVENT_EOF) != 0 && waits) {
        c->ended = true;
        if (c->call != NULL)
            call_gone(c->call);
    } else if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        conn_destroy(c);
    }
}

void conn_create(struct conns *cs, int fd)
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
    conn_enter(c, CONN_IDLE);
    bufferevent_set_max_single_read(bev, READ_BYTES_MAX);
    bufferevent_setwatermark(bev, EV_READ, 0, READ_BYTES_MAX);
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

void call_on_gone(struct call *c, void (*on_gone)(void *arg), void *arg)
{
    c->on_gone = on_gone;
    c->gone_arg = arg;
    if (c->conn == NULL || c->conn->ended)
        call_gone(c);
}

int64_t conn_spent_ns(const struct conn *c, int64_t now_ns)
{
    const int64_t halvings = (now_ns - c->spent_at_ns) / CLOCK_S;
    return halvings < 63 ? c->spent_ns >> halvings : 0;
}

void conn_spend(struct conn *c, int64_t ns, int64_t now_ns)
{
    c->spent_ns = conn_spent_ns(c, now_ns) + ns;
    c->spent_at_ns += (now_ns - c->spent_at_ns) / CLOCK_S * CLOCK_S;
}

int64_t call_spent_ns(const struct call *c)
{
    return c->conn != NULL ? conn_spent_ns(c->conn, clock_now_ns()) : 0;
}

void call_spend(struct call *c, int64_t ns)
{
    if (c->conn != NULL)
        conn_spend(c->conn, ns, clock_now_ns());
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
        if (c->deadline_ns == 0)
            call_gone(call);
        if (!c->pumping && (c->ended || evbuffer_get_length(bufferevent_get_input(c->bev)) > 0))
            conns_wait_turn(c);
    }
    if (cs->answer.capacity > ANSWER_KEPT_BYTES)
        buffer_finish(&cs->answer);
    call_release(cs, call);
}
