/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of the link and every way back. All changes go through link_set_state; a connection
 * ends in link_drop, a channel in link_drop_channel, and nowhere else.
 *
 * Ordering on a loss: first the state changes and confirms and contents are void, then pending
 * calls hear of it, then the owner's on_lost. So whatever a callback asks or tries then meets a
 * link that is plainly not ready.
 *
 * Callbacks run inside entries from the loop, counted by `depth`; a link closed or destroyed by
 * one is freed when the outermost entry leaves. A fault found inside a public call (no memory)
 * cannot drop the connection there, under the caller's feet: link_fault keeps it for the kick.
 */
#include "common/amqp/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/amqp/link_private.h"
#include "common/base/clock.h"
#include "common/net/loop.h"

#define BACKOFF        ((struct backoff){.base_ns = 100 * CLOCK_MS, .cap_ns = 10 * CLOCK_S})
#define STEADY_NS      (5 * CLOCK_S) /* READY for this long: the next failure is a first one */
#define TICK_IDLE_NS   (5 * CLOCK_S) /* without heartbeats */
#define TICKS_PER_BEAT 4

static const struct {
    const char *name;
    unsigned next;
    int64_t deadline_ns;
} states[] = {
#define X(symbol, name, next, deadline) {name, next, deadline},
    LINK_STATES(X)
#undef X
};

const char *link_state_name(enum link_state state)
{
    return states[state].name;
}

unsigned link_state_next(enum link_state state)
{
    return states[state].next;
}

void link_timer_set(struct link *l, int64_t ns)
{
    const struct timeval t = {ns / CLOCK_S, ns % CLOCK_S / 1000};
    event_add(l->timer, &t);
}

void link_set_state(struct link *l, enum link_state state, const char *why)
{
    assert((states[l->state].next & 1U << state) != 0);
    log_debug("link_state", why, LOG_TEXT("link", l->options.name),
              LOG_TEXT("from", states[l->state].name), LOG_TEXT("to", states[state].name));
    l->state = state;
    if (states[state].deadline_ns == LINK_DEADLINE_NONE)
        event_del(l->timer);
    else if (states[state].deadline_ns != LINK_DEADLINE_KEPT)
        link_timer_set(l, states[state].deadline_ns);
}

static void set_reason(struct link *l, const char *why)
{
    if (why != l->reason)
        snprintf(l->reason, sizeof l->reason, "%s", why);
}

void link_refused(struct link *l, const char *what, int code, amqp_bytes_t text)
{
    snprintf(l->reason, sizeof l->reason, "%s: %d %.*s", what, code, (int)text.len,
             (const char *)wire_slice(text).data);
}

static void end_connection(struct link *l)
{
    dial_stop(l);
    event_del(l->tick);
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    l->bev = NULL;
    l->in = NULL;
    l->out = NULL;
    l->fault = NULL;
    l->paused = false;
    l->blocked = false;
    wire_reset(&l->wire);
}

static void end_channel(struct link *l)
{
    if (l->state == LINK_READY && clock_now_ns() - l->ready_ns >= STEADY_NS) {
        backoff_reset(&l->reconnect);
        backoff_reset(&l->reopen);
    }
    l->confirming = false;
    confirms_clear(&l->confirms);
    content_reset(&l->content);
}

static void log_loss(struct link *l, bool was_ready, int64_t retry_ns)
{
    const struct log_field name = LOG_TEXT("link", l->options.name);
    const struct log_field peer = LOG_TEXT("peer", l->peer);
    const struct log_field reason = LOG_TEXT("reason", l->reason);
    const struct log_field retry = LOG_INT("retry_ms", retry_ns / CLOCK_MS);
    uint64_t held = 0;
    if (was_ready)
        log_warning("link_lost", "broker connection lost, connecting again", name, peer, reason,
                    retry);
    else if (log_repeat_due(&l->failures, &held))
        log_warning("link_failed", "no connection to the broker, trying again", name, peer, reason,
                    retry, LOG_INT("held", held));
}

static void tell_lost(struct link *l, const struct link_answer *refusal, uint32_t method)
{
    calls_fail(l, refusal, method);
    if (l->handler.on_lost != NULL)
        l->handler.on_lost(l->arg, l->reason);
}

void link_drop(struct link *l, const char *why)
{
    const bool was_ready = l->state == LINK_READY;
    set_reason(l, why);
    end_channel(l);
    end_connection(l);
    if (l->state == LINK_CLOSING) {
        link_set_state(l, LINK_CLOSED, l->reason);
        return;
    }
    const int64_t retry_ns = backoff_next(&l->reconnect);
    if (l->hosts.count > 0)
        hosts_advance(&l->hosts);
    link_set_state(l, LINK_WAITING, l->reason);
    link_timer_set(l, retry_ns);
    log_loss(l, was_ready, retry_ns);
    if (was_ready)
        tell_lost(l, &(struct link_answer){.text = l->reason}, 0);
}

void link_drop_channel(struct link *l, const struct link_answer *refusal, uint32_t method)
{
    const bool was_ready = l->state == LINK_READY;
    end_channel(l);
    const int64_t retry_ns = backoff_next(&l->reopen);
    link_set_state(l, LINK_REOPENING, l->reason);
    link_timer_set(l, retry_ns);
    log_warning("link_channel_closed", "the broker closed the channel, opening it again",
                LOG_TEXT("link", l->options.name), LOG_TEXT("peer", l->peer),
                LOG_TEXT("reason", l->reason), LOG_INT("retry_ms", retry_ns / CLOCK_MS));
    if (was_ready)
        tell_lost(l, refusal, method);
}

void link_fault(struct link *l, const char *why)
{
    if (l->fault == NULL)
        l->fault = why;
    event_active(l->kick, EV_TIMEOUT, 0);
}

void link_wrote(struct link *l, bool ok)
{
    l->wrote = true;
    if (!ok)
        link_fault(l, "no memory to write to the broker");
}

void link_is_open(struct link *l)
{
    l->generation++;
    l->ready_ns = clock_now_ns();
    link_set_state(l, LINK_READY, "channel open");
    log_repeat_reset(&l->failures);
    log_info("link_open", "connected to the broker", LOG_TEXT("link", l->options.name),
             LOG_TEXT("peer", l->peer), LOG_INT("generation", l->generation),
             LOG_INT("heartbeat_s", l->heartbeat_ns / CLOCK_S));
    if (l->handler.on_ready != NULL)
        l->handler.on_ready(l->arg, l->generation);
    if (l->blocked && l->handler.on_blocked != NULL)
        l->handler.on_blocked(l->arg, "the connection is still blocked");
}

void link_became_tuned(struct link *l)
{
    const int64_t ns = l->heartbeat_ns > 0 ? l->heartbeat_ns / TICKS_PER_BEAT : TICK_IDLE_NS;
    const struct timeval t = {ns / CLOCK_S, ns % CLOCK_S / 1000};
    l->wrote_ns = clock_now_ns();
    event_add(l->tick, &t);
}

static void free_link(struct link *l)
{
    end_connection(l);
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

static void overdue(struct link *l)
{
    if (l->state == LINK_CONNECTING)
        dial_overdue(l);
    snprintf(l->reason, sizeof l->reason, "no answer from %s within %d s while %s", l->peer,
             (int)(LINK_OPEN_NS / CLOCK_S), link_state_name(l->state));
    link_drop(l, l->reason);
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
    struct link *l = arg;
    const int64_t now_ns = clock_now_ns();
    (void)fd;
    (void)events;
    link_enter(l);
    if (l->heartbeat_ns > 0 && !l->paused && now_ns - l->read_ns > 2 * l->heartbeat_ns) {
        snprintf(l->reason, sizeof l->reason, "no heartbeat from broker for %d s",
                 (int)(2 * l->heartbeat_ns / CLOCK_S));
        link_drop(l, l->reason);
    } else if (!l->paused && !l->blocked && calls_overdue(l, now_ns)) {
        link_drop(l, "no answer from the broker to a call");
    } else if (l->heartbeat_ns > 0) {
        beat(l, now_ns);
    }
    link_leave(l);
}

static void on_kick(evutil_socket_t fd, short events, void *arg)
{
    struct link *l = arg;
    (void)fd;
    (void)events;
    link_enter(l);
    if (l->fault != NULL)
        link_drop(l, l->fault);
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
    l->reconnect = BACKOFF;
    l->reopen = BACKOFF;
    snprintf(l->peer, sizeof l->peer, "%s", options->hosts);
    set_reason(l, "not connected yet");
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
    const bool open =
        l->state == LINK_CHANNEL || l->state == LINK_READY || l->state == LINK_REOPENING;
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
        end_connection(l);
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
    end_connection(l);
    if (l->state != LINK_CLOSED)
        link_set_state(l, LINK_CLOSED, "destroyed");
    link_leave(l);
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

bool link_attach(struct link *l)
{
    if (l->fed_in == NULL)
        l->fed_in = evbuffer_new();
    if (l->fed_out == NULL)
        l->fed_out = evbuffer_new();
    if (l->fed_in == NULL || l->fed_out == NULL)
        return false;
    evbuffer_drain(l->fed_in, evbuffer_get_length(l->fed_in));
    link_set_state(l, LINK_RESOLVING, "attached");
    link_set_state(l, LINK_CONNECTING, "attached");
    l->in = l->fed_in;
    l->out = l->fed_out;
    handshake_start(l);
    return true;
}

void link_feed(struct link *l, const void *data, size_t size)
{
    link_enter(l);
    l->read_ns = clock_now_ns();
    if (l->in != NULL && evbuffer_add(l->in, data, size) == 0)
        frames_read(l);
    link_leave(l);
}
