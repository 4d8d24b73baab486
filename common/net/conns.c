/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All connections of a server: which one is served when, and which one is closed when there are too
 * many.
 *
 * When bytes arrive, one request of the connection is read. Requests pipelined behind it wait in a
 * queue with those of other connections; the queue gets TURN_NS of each turn of the loop, and
 * connections that cost much of late wait for those that did not. So the share of a client does not
 * grow with the number of requests it pipelines, and a client that sends one request at a time does
 * not wait for them.
 *
 * Where the loop has other work than HTTP, connections get a share of its time: when the share is
 * used up, all connections wait until the window is over.
 */
#include "common/net/conn_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/loop.h"

enum {
    SLOW_BYTES = 500, /* a second: what moves less hardly moves */
    LIGHT_TURNS = 8,  /* in one of so many who cost much goes first: it is late, never forgotten */
};

#define TURN_NS     (CLOCK_MS / 5)
#define WINDOW_NS   (100 * CLOCK_MS)
#define FRESH_NS    (50 * CLOCK_MS) /* who has just come has his first request on the way */
#define FAREWELL_NS (CLOCK_S / 2)

static void schedule(struct conns *cs)
{
    int64_t wait_ns = 0;
    if (conns_are_resting(cs))
        wait_ns = cs->window_ns + WINDOW_NS - clock_now_ns();
    const struct timeval wait = {.tv_usec = wait_ns > 0 ? (suseconds_t)(wait_ns / 1000 + 1) : 0};
    event_add(cs->turn, &wait);
}

void conns_wait_turn(struct conn *c)
{
    struct conns *cs = c->owner;
    if (c->line != NULL)
        return;
    c->line = conn_spent_ns(c, clock_now_ns()) > CALL_HEAVY_NS ? &cs->heavy : &cs->light;
    TAILQ_INSERT_TAIL(c->line, c, turn);
    if (!event_pending(cs->turn, EV_TIMEOUT, NULL))
        schedule(cs);
}

void conns_leave_line(struct conn *c)
{
    if (c->line != NULL)
        TAILQ_REMOVE(c->line, c, turn);
    c->line = NULL;
}

bool conns_are_resting(const struct conns *cs)
{
    return cs->share_percent != 0 && cs->spent_ns > WINDOW_NS / 100 * cs->share_percent;
}

void conns_worked(struct conns *cs, int64_t began_ns, int64_t ended_ns)
{
    if (cs->share_percent == 0)
        return;
    if (began_ns - cs->window_ns > WINDOW_NS) {
        cs->window_ns = began_ns;
        cs->spent_ns = 0;
    }
    cs->spent_ns += ended_ns - began_ns;
    if (!conns_are_resting(cs))
        return;
    schedule(cs);
    cs->on_change(cs->arg);
}

/* To be read on now; NULL: nobody waits. */
static struct conn *take_next(struct conns *cs)
{
    struct conn *light = TAILQ_FIRST(&cs->light), *heavy = TAILQ_FIRST(&cs->heavy);
    const bool is_heavys_turn = heavy != NULL && cs->turns++ % LIGHT_TURNS == 0;
    struct conn *next = light == NULL || is_heavys_turn ? heavy : light;
    if (next != NULL)
        conns_leave_line(next);
    return next;
}

/* The window may be over: who waits is read on. */
static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    const int64_t began_ns = loop_works();
    struct conns *cs = arg;
    int64_t now_ns = began_ns;
    struct conn *c;
    (void)fd;
    (void)events;
    cs->spent_ns = conns_are_resting(cs) ? 0 : cs->spent_ns;
    cs->on_change(cs->arg);
    while (now_ns - began_ns < TURN_NS && (c = take_next(cs)) != NULL) {
        const int64_t before_ns = now_ns;
        conn_pump(c);
        if (c->line == NULL)
            bufferevent_enable(c->bev, EV_READ);
        now_ns = clock_now_ns();
        conn_spend(c, now_ns - before_ns, now_ns);
    }
    if (!TAILQ_EMPTY(&cs->light) || !TAILQ_EMPTY(&cs->heavy))
        schedule(cs);
    conns_worked(cs, began_ns, now_ns);
}

bool conns_init(struct conns *cs)
{
    snprintf(cs->keep_alive, sizeof cs->keep_alive,
             "Connection: keep-alive\r\nKeep-Alive: timeout=%" PRId64 "\r\n",
             cs->idle_timeout_ns / CLOCK_S);
    TAILQ_INIT(&cs->light);
    TAILQ_INIT(&cs->heavy);
    cs->turn = event_new(cs->base, -1, 0, on_turn, cs);
    return cs->turn != NULL;
}

/* An idle connection of a server that stops. */
static void say_farewell(struct conn *c)
{
    const int64_t end_ns = clock_now_ns() + FAREWELL_NS;
    c->closing = true;
    if (c->deadline_ns > end_ns)
        c->deadline_ns = end_ns;
}

void conns_add(struct conns *cs, int fd)
{
    struct conn *before = cs->first;
    conn_create(cs, fd);
    if (cs->first == before)
        return;
    cs->first->deadline_ns = clock_now_ns() + cs->request_timeout_ns; /* of the first byte */
    if (cs->draining)
        say_farewell(cs->first);
}

/* What the state has moved so far. */
static size_t moved(const struct conn *c)
{
    if (c->state != CONN_ANSWERING)
        return c->moved;
    return c->unsent - evbuffer_get_length(bufferevent_get_output(c->bev));
}

enum rank { RANK_STAYS, RANK_UNFINISHED, RANK_IDLE, RANK_SLOW }; /* the highest goes first */

struct standing {
    enum rank rank;
    int64_t worth; /* among those of a rank, the least goes first */
};

/* Who has never asked anything has shown no more than that he can connect; unless it is we who have
 * not looked yet at what he sent. */
static struct standing standing_of(const struct conn *c, int64_t now_ns)
{
    const int64_t age_ns = now_ns - c->since_ns;
    const int64_t patience_ns = c->asked_before ? c->owner->request_timeout_ns / 16 : FRESH_NS;
    const bool is_idle = c->state == CONN_LINGERING || (c->state == CONN_IDLE && c->asked_before);
    if (c->state == CONN_ASKED || (!c->asked_before && (c->line != NULL || age_ns < FRESH_NS)))
        return (struct standing){RANK_STAYS, 0};
    if (is_idle)
        return (struct standing){RANK_IDLE, c->since_ns};
    const int64_t speed = (int64_t)moved(c) * 1000 / (age_ns / CLOCK_MS + 1);
    if (age_ns >= patience_ns && speed < SLOW_BYTES)
        return (struct standing){RANK_SLOW, c->since_ns};
    return (struct standing){RANK_UNFINISHED, speed};
}

static void show_out(struct conn *c)
{
    static const struct head_fault slow = {
        503, "overloaded", "the request came too slowly while other connections waited"};
    if (c->state == CONN_READING)
        conn_refuse(c, &slow);
    conn_destroy(c);
}

bool conns_shed(struct conns *cs)
{
    const int64_t now_ns = clock_now_ns();
    struct conn *victim = NULL;
    struct standing worst = {RANK_STAYS, 0};
    for (struct conn *c = cs->first; c != NULL; c = c->next) {
        const struct standing s = standing_of(c, now_ns);
        if (s.rank < worst.rank || (s.rank == worst.rank && s.worth >= worst.worth))
            continue;
        victim = c;
        worst = s;
    }
    if (victim != NULL)
        show_out(victim);
    return victim != NULL;
}

void conns_expire(struct conns *cs, int64_t now_ns)
{
    static const struct head_fault late = {408, "request-timeout",
                                           "the request was not complete in time"};
    struct conn *next;
    for (struct conn *c = cs->first; c != NULL; c = next) {
        next = c->next;
        if (c->deadline_ns > now_ns)
            continue;
        if (c->state == CONN_IDLE && cs->draining)
            conn_end_answer(c);
        else if (c->state == CONN_READING)
            conn_refuse(c, &late);
        else
            conn_destroy(c);
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
    if (cs->turn != NULL)
        event_free(cs->turn);
    call_free_kept(cs);
    buffer_finish(&cs->answer);
}
