/* SPDX-License-Identifier: Apache-2.0 */
/* The feed's link: from a name to a channel with confirms, and back. feed.c tells the whole. */
#include "consumer/feed_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/amqp/options.h"
#include "common/core/clock.h"
#include "common/net/loop.h"

#define SILENCE_NS (60 * CLOCK_S) /* without a confirm, then the connection is given up */
#define NO_RIGHT   403
#define NOT_TOPIC  406

static const char *const state_names[] = {
#define X(symbol, name) name,
    FEED_STATES(X)
#undef X
};

/* The only place that changes the state. */
static void enter(struct feed *f, enum feed_state to)
{
    log_debug("feed_state", state_names[to], LOG_TEXT("from", state_names[f->state]));
    f->state = to;
    metric_set(f->options.meters->feed_connected, to == FEED_OPEN);
}

static void on_selected(void *arg, const struct link_answer *a)
{
    struct feed *f = arg;
    if (!a->ok)
        return;
    log_repeat_reset(&f->refused);
    enter(f, FEED_OPEN);
    feed_go_on(f);
}

static void select_confirms(struct feed *f)
{
    enter(f, FEED_SELECTING);
    link_select_confirms(f->link, on_selected, f);
}

/* A refusal costs the channel; the next one uses the exchange as it is, if that may help. */
static void on_declared(void *arg, const struct link_answer *a)
{
    struct feed *f = arg;
    uint64_t held = 0;
    if (a->ok) {
        f->no_topic = false;
        select_confirms(f);
        return;
    }
    enter(f, FEED_DOWN);
    f->as_it_is = a->code == NO_RIGHT || a->code == NOT_TOPIC;
    f->no_topic = a->code == NOT_TOPIC;
    if (a->code != 0 && log_repeat_due(&f->refused, &held))
        log_warning("exchange_refused", "the exchange cannot be declared, using it if it exists",
                    LOG_TEXT("exchange", f->options.config->rabbitmq_exchange),
                    LOG_INT("code", a->code), LOG_TEXT("reason", a->text),
                    LOG_INT("held_back", held));
}

static void on_ready(void *arg, uint64_t generation)
{
    struct feed *f = arg;
    (void)generation;
    if (f->as_it_is) {
        select_confirms(f);
        return;
    }
    enter(f, FEED_DECLARING);
    link_declare_topic(f->link, f->options.config->rabbitmq_exchange, on_declared, f);
}

/* Everything that was not given back is published again. */
static void on_lost(void *arg, const char *reason)
{
    struct feed *f = arg;
    (void)reason;
    if (f->state != FEED_DOWN) /* else a declare was refused */
        f->as_it_is = false;
    enter(f, FEED_DOWN);
    metric_set(f->options.meters->feed_blocked, 0);
    feed_start_over(f);
}

static void on_blocked(void *arg, const char *reason)
{
    struct feed *f = arg;
    metric_set(f->options.meters->feed_blocked, reason != NULL);
    feed_go_on(f);
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    feed_confirm(arg, c->tag, c->outcome);
}

static void on_closed(void *arg)
{
    struct feed *f = arg;
    f->link = NULL;
    f->on_ended(f->ended_arg);
}

static void connect_link(struct feed *f)
{
    static const struct link_handler handler = {
        .on_ready = on_ready,
        .on_lost = on_lost,
        .on_blocked = on_blocked,
        .on_confirm = on_confirm,
        .on_closed = on_closed,
    };
    f->link = link_create(f->loop, &f->link_options, &handler, f);
}

/* The connection lives and the broker has stopped confirming. */
static void give_up_link(struct feed *f)
{
    log_error("feed_stuck", "the broker has stopped confirming, connecting again",
              LOG_TEXT("peer", link_peer(f->link)), LOG_INT("unconfirmed", f->unconfirmed));
    link_destroy(f->link);
    f->link = NULL;
    on_lost(f, NULL);
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct feed *f = arg;
    (void)fd, (void)events;
    if (f->unconfirmed > 0 && !link_is_blocked(f->link) &&
        clock_now_ns() - f->confirm_ns > SILENCE_NS)
        give_up_link(f);
    if (f->link == NULL)
        connect_link(f);
    feed_go_on(f);
    feed_watch_patience(f);
}

/* ---- life ---- */

static void set_link_options(struct feed *f)
{
    const struct config *c = f->options.config;
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(f->name, sizeof f->name, "holdfast-consumer %s:%d feed", host, (int)getpid());
    f->link_options = link_options_of(c, f->name);
}

struct feed *feed_create(struct loop *loop, const struct feed_options *options,
                         feed_told_fn on_told, void *arg)
{
    static const struct timeval second = {.tv_sec = 1};
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (struct feed){.loop = loop, .options = *options, .on_told = on_told, .arg = arg};
    if (options->config->rabbitmq_exchange[0] == 0)
        return f;
    enter(f, FEED_DOWN);
    set_link_options(f);
    f->tick = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, f);
    connect_link(f);
    if (f->tick != NULL && f->link != NULL) {
        event_add(f->tick, &second);
        return f;
    }
    feed_destroy(f);
    return NULL;
}

void feed_destroy(struct feed *f)
{
    if (f == NULL)
        return;
    link_destroy(f->link);
    if (f->tick != NULL)
        event_free(f->tick);
    for (struct batch *b = f->head, *next; b != NULL; b = next) {
        next = b->place.next;
        batch_destroy(b);
    }
    buffer_finish(&f->text.line);
    bindings_finish(&f->bindings);
    free(f);
}

void feed_end(struct feed *f, void (*on_ended)(void *arg), void *arg)
{
    f->on_ended = on_ended;
    f->ended_arg = arg;
    if (f->tick != NULL)
        event_del(f->tick);
    if (f->link == NULL) {
        on_ended(arg);
        return;
    }
    enter(f, FEED_DOWN);
    link_close(f->link);
}
