/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a link and its timers: the end of a wait, the heartbeat, what is overdue.
 *
 * Callbacks run inside entries from the loop, counted by `depth`; a link closed or destroyed by
 * one is freed when the outermost entry leaves. A fault found inside a public call (no memory)
 * cannot drop the connection there, under the caller's feet: link_fault keeps it for the kick.
 */
#include "common/amqp/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/amqp/calls.h"
#include "common/amqp/dial.h"
#include "common/amqp/frames.h"
#include "common/amqp/handshake.h"
#include "common/amqp/link_private.h"
#include "common/amqp/state.h"
#include "common/core/clock.h"
#include "common/net/loop.h"

#define BACKOFF ((struct backoff){.base_ns = 100 * CLOCK_MS, .cap_ns = 10 * CLOCK_S})

static void free_link(struct link *l)
{
    link_end_connection(l);
    calls_drop(l);
    if (l->old != NULL)
        bufferevent_free(l->old);
    if (l->fed_in != NULL)
        evbuffer_free(l->fed_in);
    if (l->fed_out != NULL)
        evbuffer_free(l->fed_out);
    event_free(l->timer);
    event_free(l->tick);
    event_free(l->kick);
    confirms_finish(&l->confirms);
    content_finish(&l->content);
    wire_finish(&l->wire);
    hosts_finish(&l->hosts);
    free(l);
}

void link_enter(struct link *l)
{
    l->depth++;
}

void link_leave(struct link *l)
{
    assert(l->depth > 0);
    if (--l->depth > 0 || l->state != LINK_CLOSED)
        return;
    void (*on_closed)(void *arg) = l->handler.on_closed;
    void *arg = l->arg;
    free_link(l);
    if (on_closed != NULL)
        on_closed(arg);
}

static void begin(struct link *l)
{
    if (l->old != NULL)
        bufferevent_free(l->old);
    l->old = NULL;
    link_set_state(l, LINK_RESOLVING, "connecting");
    dial_start(l);
}

/* The connection is open, whatever its channel is. */
static bool is_open(const struct link *l)
{
    return l->state == LINK_CHANNEL || l->state == LINK_READY || l->state == LINK_REOPENING;
}

static void overdue(struct link *l)
{
    if (l->state == LINK_CONNECTING)
        dial_overdue(l);
    link_drop(l, "no answer from %s within %d s while %s", l->peer, (int)(LINK_OPEN_NS / CLOCK_S),
              link_state_name(l->state));
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    struct link *l = arg;
    (void)fd;
    (void)events;
    link_enter(l);
    if (l->state == LINK_WAITING)
        begin(l);
    else if (l->state == LINK_REOPENING)
        handshake_open_channel(l);
    else if (l->state == LINK_CLOSING)
        link_drop(l, "closed");
    else
        overdue(l);
    link_leave(l);
}

static void beat(struct link *l, int64_t now_ns)
{
    if (l->wrote)
        l->wrote_ns = now_ns;
    l->wrote = false;
    /* Bytes still waiting for the socket are a sign of life already, once they get out. */
    if (now_ns - l->wrote_ns < l->heartbeat_ns / 2 || evbuffer_get_length(l->out) > 0)
        return;
    link_wrote(l, wire_add_heartbeat(l->out));
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct link *l = arg;
    const int64_t now_ns = clock_now_ns();
    (void)fd;
    (void)events;
    link_enter(l);
    if (l->heartbeat_ns > 0 && !l->paused && now_ns - l->read_ns > 2 * l->heartbeat_ns) {
        link_drop(l, "no heartbeat from broker for %d s", (int)(2 * l->heartbeat_ns / CLOCK_S));
    } else if (!l->paused && !l->blocked && calls_overdue(l, now_ns)) {
        link_drop(l, "no answer from the broker to a call");
    } else if (l->heartbeat_ns > 0) {
        beat(l, now_ns);
    }
    link_leave(l);
}

/* In good order, as far as that goes without waiting. */
static void give_up(struct link *l)
{
    amqp_connection_close_t bye = {.reply_code = AMQP_REPLY_SUCCESS,
                                   .reply_text = wire_text(l->fault)};
    const char *why = l->fault;
    if (is_open(l))
        link_say_last(l, AMQP_CONNECTION_CLOSE_METHOD, &bye);
    link_drop(l, "%s", why);
}

static void on_kick(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct link *l = arg;
    (void)fd;
    (void)events;
    link_enter(l);
    if (l->fault != NULL)
        give_up(l);
    else if (l->in != NULL)
        frames_read(l);
    link_leave(l);
}

/* A list that cannot be read leaves no host: the link then says so at each try, and lives. */
static void find_hosts(struct link *l)
{
    uint32_t random = 0;
    if (!hosts_parse(l->options.hosts, (uint16_t)l->options.port, &l->hosts)) {
        hosts_finish(&l->hosts);
        return;
    }
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0;
    hosts_start_at(&l->hosts, random);
}

struct link *link_create(struct loop *loop, const struct link_options *options,
                         const struct link_handler *handler, void *arg)
{
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    *l = (struct link){.loop = loop, .options = *options, .handler = *handler, .arg = arg};
    l->down_ns = clock_now_ns();
    l->reconnect = BACKOFF;
    l->reopen = BACKOFF;
    snprintf(l->peer, sizeof l->peer, "%s", options->hosts);
    link_set_reason(l, "not connected yet");
    l->timer = event_new(loop_base(loop), -1, 0, on_timer, l);
    l->tick = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, l);
    l->kick = event_new(loop_base(loop), -1, 0, on_kick, l);
    if (l->timer == NULL || l->tick == NULL || l->kick == NULL)
        goto fail;
    wire_init(&l->wire);
    confirms_init(&l->confirms);
    find_hosts(l);
    link_timer_set(l, 0);
    return l;
fail:
    if (l->timer != NULL)
        event_free(l->timer);
    if (l->tick != NULL)
        event_free(l->tick);
    free(l);
    return NULL;
}

/* Silences the link; on_closed stays. */
static void hush(struct link *l)
{
    l->handler = (struct link_handler){.on_closed = l->handler.on_closed};
    calls_drop(l);
    confirms_clear(&l->confirms);
}

void link_close(struct link *l)
{
    const bool open = is_open(l);
    if (l->state == LINK_CLOSING || l->state == LINK_CLOSED)
        return;
    link_enter(l);
    hush(l);
    link_resume(l);
    link_set_state(l, LINK_CLOSING, "closed by us");
    if (open) {
        amqp_connection_close_t bye = {.reply_code = AMQP_REPLY_SUCCESS,
                                       .reply_text = wire_text("goodbye")};
        link_wrote(l, wire_add_method(l->out, AMQP_CONNECTION_CLOSE_METHOD, &bye, 64));
    } else {
        link_end_connection(l);
    }
    link_timer_set(l, open ? LINK_GOODBYE_NS : 0);
    link_leave(l);
}

void link_destroy(struct link *l)
{
    if (l == NULL)
        return;
    link_enter(l);
    hush(l);
    l->handler.on_closed = NULL;
    link_end_connection(l);
    if (l->state != LINK_CLOSED)
        link_set_state(l, LINK_CLOSED, "destroyed");
    link_leave(l);
}

void link_give_up(struct link *l, const char *why)
{
    if (l->state == LINK_READY)
        link_fault(l, why);
}

bool link_is_ready(const struct link *l)
{
    return l->state == LINK_READY && l->fault == NULL;
}

bool link_is_blocked(const struct link *l)
{
    return l->blocked;
}

uint64_t link_generation(const struct link *l)
{
    return l->generation;
}

size_t link_unsent(const struct link *l)
{
    return l->out != NULL ? evbuffer_get_length(l->out) : 0;
}

const char *link_peer(const struct link *l)
{
    return l->peer;
}

const char *link_reason(const struct link *l)
{
    return l->state == LINK_READY ? "ready" : l->reason;
}

void link_pause(struct link *l)
{
    if (l->state != LINK_READY || l->paused)
        return;
    l->paused = true;
    if (l->bev != NULL)
        bufferevent_disable(l->bev, EV_READ);
}

void link_resume(struct link *l)
{
    if (!l->paused)
        return;
    l->paused = false;
    l->read_ns = clock_now_ns();
    if (l->bev != NULL)
        bufferevent_enable(l->bev, EV_READ);
    /* Frames already read wait in the input, which no socket event would announce again. */
    event_active(l->kick, EV_TIMEOUT, 0);
}
