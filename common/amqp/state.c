/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every change of state goes through link_set_state; a connection ends in link_drop, a channel in
 * link_drop_channel, and nowhere else.
 *
 * Ordering on a loss: first the state changes and contents are void, then pending calls hear of it,
 * then the owner's on_lost, which may take the messages whose confirms were awaited. So whatever a
 * callback asks or tries then meets a link that is plainly not ready.
 */
#include "common/amqp/state.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/amqp/calls.h"
#include "common/amqp/dial.h"
#include "common/amqp/link_private.h"
#include "common/core/clock.h"

#define STEADY_NS      CLOCK_S       /* READY for this long: the next failure is a first one */
#define TICK_IDLE_NS   (5 * CLOCK_S) /* without heartbeats */
#define TICKS_PER_BEAT 4
#define LAST_WORD_ROOM 512

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

/* By way of a copy, because the arguments may hold the reason there is. */
void link_set_reason(struct link *l, const char *format, ...)
{
    char text[sizeof l->reason];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(l->reason, text, sizeof text);
}

void link_end_connection(struct link *l)
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

/* It still has to get out: the socket stays until the next connection begins. */
void link_say_last(struct link *l, uint32_t method, void *fields)
{
    link_wrote(l, wire_add_method(l->out, method, fields, LAST_WORD_ROOM));
    if (l->bev == NULL)
        return;
    bufferevent_setcb(l->bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(l->bev, EV_READ);
    l->old = l->bev;
    l->bev = NULL;
}

static void end_channel(struct link *l)
{
    if (l->state == LINK_READY && clock_now_ns() - l->ready_ns >= STEADY_NS) {
        backoff_reset(&l->reconnect);
        backoff_reset(&l->reopen);
        hosts_succeeded(&l->hosts);
    }
    l->confirming = false;
    content_reset(&l->content);
}

static void begin_down(struct link *l)
{
    l->down_ns = l->down_ns != 0 ? l->down_ns : clock_now_ns();
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
                    retry, LOG_INT("held_back", held));
}

static void tell_lost(struct link *l, const struct link_answer *refusal, uint32_t method)
{
    calls_fail(l, refusal, method);
    if (l->handler.on_lost != NULL)
        l->handler.on_lost(l->arg, l->reason);
    confirms_clear(&l->confirms);
}

/* Pauses grow from round to round only: another node may well be there at once. */
static int64_t next_pause(struct link *l)
{
    struct backoff brief = {.base_ns = l->reconnect.base_ns, .cap_ns = l->reconnect.cap_ns};
    const bool round_over = l->hosts.count == 0 || hosts_advance(&l->hosts);
    return backoff_next(round_over ? &l->reconnect : &brief);
}

void link_drop(struct link *l, const char *format, ...)
{
    const bool was_ready = l->state == LINK_READY;
    char why[sizeof l->reason];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    link_set_reason(l, "%s", why);
    end_channel(l);
    link_end_connection(l);
    if (l->state == LINK_CLOSING) {
        link_set_state(l, LINK_CLOSED, l->reason);
        return;
    }
    const int64_t retry_ns = next_pause(l);
    link_set_state(l, LINK_WAITING, l->reason);
    link_timer_set(l, retry_ns);
    begin_down(l);
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
    /* A refusal goes to whoever asked, to be judged and logged there. */
    const bool asked = calls_asked(l, method);
    if (!asked)
        begin_down(l);
    log_write(asked ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "link_channel_closed",
              "the broker closed the channel, opening it again",
              LOG_FIELDS(LOG_TEXT("link", l->options.name), LOG_TEXT("peer", l->peer),
                         LOG_TEXT("reason", l->reason), LOG_INT("retry_ms", retry_ns / CLOCK_MS)));
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

/* No news where only a channel was closed, over a question of ours. */
static void log_open_link(struct link *l)
{
    const int64_t down_ns = l->down_ns != 0 ? l->ready_ns - l->down_ns : 0;
    log_write(
        l->down_ns != 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "link_open", "connected to the broker",
        LOG_FIELDS(LOG_TEXT("link", l->options.name), LOG_TEXT("peer", l->peer),
                   LOG_INT("generation", l->generation),
                   LOG_INT("heartbeat_s", l->heartbeat_ns / CLOCK_S),
                   LOG_INT("down_ms", down_ns / CLOCK_MS), LOG_INT("held_back", l->failures.held)));
    l->down_ns = 0;
    log_repeat_reset(&l->failures);
}

void link_opened(struct link *l)
{
    l->generation++;
    l->ready_ns = clock_now_ns();
    link_set_state(l, LINK_READY, "channel open");
    log_open_link(l);
    if (l->handler.on_ready != NULL)
        l->handler.on_ready(l->arg, l->generation);
    if (l->blocked && l->handler.on_blocked != NULL)
        l->handler.on_blocked(l->arg, "the connection is still blocked");
}

void link_tuned(struct link *l)
{
    const int64_t ns = l->heartbeat_ns > 0 ? l->heartbeat_ns / TICKS_PER_BEAT : TICK_IDLE_NS;
    const struct timeval t = {ns / CLOCK_S, ns % CLOCK_S / 1000};
    l->wrote_ns = clock_now_ns();
    event_add(l->tick, &t);
}
