/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After each on_ready the subscriber declares the topology and then, while open, consumes. It
 * declares the topology when closed, too: a producer may lack the permission to, and accepts events
 * while PostgreSQL is unreachable. A refused declare closes the channel; the topology then only
 * inspects the queue, and the next on_ready goes on. Answers of an older generation are ignored.
 *
 * Closing cancels the consumer; deliveries that the broker had already sent arrive afterwards and
 * are sent back. A start under way is allowed to finish and is then undone. Starting again waits
 * for the answer to the cancel: the broker answers it after calls that were made later, and the
 * link matches answers to calls in their order.
 *
 * When the broker cancels the consumer, the queue was deleted, its node failed, or (quorum queues
 * from 4.3 on) a message was unacknowledged for longer than the consumer timeout. In the last case
 * the channel stays open, a late acknowledgement would revive the cancelled consumer, and a later
 * one closes the channel. So the subscriber gives up the connection with all deliveries on it.
 */
#include "consumer/subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/amqp/options.h"
#include "common/app/config.h"
#include "common/app/log.h"
#include "common/core/clock.h"
#include "consumer/meters.h"

/* Held beyond this, the socket is not read; an eighth below it, it is again. Of the normal lane it
 * is three transactions (consumer.c): with two writers two are being stored, and the third has its
 * messages there when one of them is. */
static const size_t held_bytes_max[TOPOLOGY_LANES] = {
    [TOPOLOGY_NORMAL] = (size_t)1920 << 10, [TOPOLOGY_URGENT] = (size_t)1 << 20};

/* The broker ends a connection it cannot send to, after 15 s by default. */
#define PAUSED_MAX_NS (5 * CLOCK_S)

#define NOT_FOUND    404
#define NOT_THE_SAME 406

enum subscriber_state { IDLE, STARTING, CONSUMING, STOPPING };

struct subscriber {
    const struct subscriber_options *options; /* borrowed */
    struct subscriber_handler handler;
    void *arg;
    struct link_options link_options;
    char name[128];
    struct link *link; /* owned */
    struct topology topology;
    struct settle settle;
    bool open;
    bool paused;
    int64_t paused_ns;           /* since when */
    enum subscriber_state state; /* of the present link; IDLE when lost */
    unsigned round;              /* of consuming; part of the consumer tag */
    char tag[64];
    char reason[256]; /* why not CONSUMING, when the broker said so */
    struct log_repeat refused;
};

static void start_consuming(struct subscriber *s);

/* The only place that changes the state. */
static void enter(struct subscriber *s, enum subscriber_state to)
{
    static const char *const names[] = {"idle", "starting", "consuming", "stopping"};
    log_debug("subscriber_state", names[to], LOG_TEXT("from", names[s->state]));
    s->state = to;
}

static const char *queue_of(const struct subscriber *s)
{
    return s->topology.queue[s->options->lane];
}

static void on_stopped(void *arg, const struct link_answer *a)
{
    struct subscriber *s = arg;
    (void)a; /* a lost link has stopped it, too */
    if (s->state != STOPPING)
        return;
    enter(s, IDLE);
    start_consuming(s);
}

/* What the broker has sent already arrives still, and goes back. */
static void stop_consuming(struct subscriber *s)
{
    enter(s, STOPPING);
    link_cancel(s->link, s->tag, on_stopped, s);
}

/* A step of starting was refused, or the link went. Of a queue of another shape topology.c has
 * told. */
static void stop_starting(struct subscriber *s, const char *what, const struct link_answer *a)
{
    uint64_t held = 0;
    enter(s, IDLE);
    if (a->code == 0)
        return;
    snprintf(s->reason, sizeof s->reason, "%s refused: %s", what, a->text);
    if (a->code != NOT_THE_SAME && log_repeat_due(&s->refused, &held))
        log_error("consume_refused", "the broker refuses access to the queue, trying again",
                  LOG_TEXT("what", what), LOG_INT("code", a->code), LOG_TEXT("reason", a->text),
                  LOG_INT("held_back", held));
}

static void on_consuming(void *arg, const struct link_answer *a)
{
    struct subscriber *s = arg;
    if (!a->ok) {
        if (a->code == NOT_FOUND)
            topology_look_again(&s->topology);
        stop_starting(s, "consuming", a);
        return;
    }
    enter(s, CONSUMING);
    if (!s->open) {
        stop_consuming(s);
        return;
    }
    s->reason[0] = 0;
    log_repeat_reset(&s->refused);
    log_info("consuming", "consuming from the queue", LOG_TEXT("queue", queue_of(s)),
             LOG_TEXT("broker", link_peer(s->link)));
}

static void on_declared(void *arg, const struct link_answer *a)
{
    struct subscriber *s = arg;
    if (!a->ok && a->code == NOT_FOUND) {
        enter(s, IDLE); /* it is declared on the next channel */
        return;
    }
    if (!a->ok) {
        stop_starting(s, "declaring the queue", a);
        return;
    }
    if (!s->open) {
        enter(s, IDLE);
        return;
    }
    snprintf(s->tag, sizeof s->tag, "holdfast.%u", ++s->round);
    link_consume(s->link, queue_of(s), s->tag, (uint16_t)s->options->config->consumer_prefetch,
                 on_consuming, s);
}

static void declare(struct subscriber *s)
{
    enter(s, STARTING);
    topology_declare(&s->topology, s->link, on_declared, s);
}

static void start_consuming(struct subscriber *s)
{
    if (s->open && s->state == IDLE && link_is_ready(s->link))
        declare(s);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct subscriber *s = arg;
    settle_open(&s->settle, s->link, generation);
    enter(s, IDLE);
    metric_set(s->options->meters->connected[s->options->lane], 1);
    metric_add(s->options->meters->reconnects, generation > 1);
    declare(s);
}

static void on_lost(void *arg, const char *reason)
{
    struct subscriber *s = arg;
    (void)reason; /* the link has logged it */
    enter(s, IDLE);
    s->paused = false;
    metric_set(s->options->meters->connected[s->options->lane], 0);
    settle_void(&s->settle);
    s->handler.on_lost(s->arg);
}

static void on_closed(void *arg)
{
    struct subscriber *s = arg;
    s->link = NULL;
    settle_void(&s->settle);
    s->handler.on_ended(s->arg);
}

static void on_cancelled(void *arg, struct slice consumer_tag)
{
    struct subscriber *s = arg;
    (void)consumer_tag;
    log_warning("consumer_cancelled", "the broker cancelled our consumer, connecting again",
                LOG_TEXT("queue", queue_of(s)));
    link_give_up(s->link, "the broker cancelled our consumer");
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    struct subscriber *s = arg;
    if (!link_is_ready(s->link)) /* given up just now: the broker takes these back itself */
        return;
    metric_add(d->redelivered ? s->options->meters->redelivered : s->options->meters->delivered, 1);
    if (!settle_delivered(&s->settle, d->tag)) {
        /* Tags are acknowledged in order: with one unknown none behind it could be. */
        link_give_up(s->link, "a delivery out of order, or no memory to note it");
        return;
    }
    struct delivery *own = s->open ? delivery_create(d) : NULL;
    if (own == NULL) {
        settle_requeue(&s->settle, d->generation, d->tag);
        settle_flush(&s->settle);
    } else {
        s->handler.on_delivery(s->arg, own);
    }
}

static void set_options(struct subscriber *s)
{
    const struct config *c = s->options->config;
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(s->name, sizeof s->name, "holdfast-consumer %s:%d %s", host, (int)getpid(),
             s->options->lane == TOPOLOGY_URGENT ? "urgent" : "normal");
    s->link_options = link_options_of(c, s->name);
}

struct subscriber *subscriber_create(struct loop *loop, const struct subscriber_options *options,
                                     const struct subscriber_handler *handler, void *arg)
{
    static const struct link_handler link_handler = {
        .on_ready = on_ready,
        .on_lost = on_lost,
        .on_delivery = on_delivery,
        .on_cancelled = on_cancelled,
        .on_closed = on_closed,
    };
    struct subscriber *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    const struct config *config = options->config;
    *s = (struct subscriber){.options = options, .handler = *handler, .arg = arg};
    set_options(s);
    settle_init(&s->settle);
    topology_init(&s->topology, config->rabbitmq_queue_name,
                  config->rabbitmq_queue_type == CONFIG_QUORUM);
    topology_leave_out(&s->topology, (enum topology_lane)(TOPOLOGY_LANES - 1 - options->lane));
    s->link = link_create(loop, &s->link_options, &link_handler, s);
    if (s->link == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void subscriber_destroy(struct subscriber *s)
{
    if (s == NULL)
        return;
    link_destroy(s->link);
    settle_finish(&s->settle);
    free(s);
}

void subscriber_open(struct subscriber *s)
{
    s->open = true;
    start_consuming(s);
}

/* What still arrives while closed goes straight back: nothing more is held. */
static void resume(struct subscriber *s)
{
    s->paused = false;
    link_resume(s->link);
}

void subscriber_close(struct subscriber *s)
{
    s->open = false;
    if (s->state == CONSUMING)
        stop_consuming(s);
    if (s->paused)
        resume(s);
}

void subscriber_end(struct subscriber *s)
{
    s->open = false;
    enter(s, IDLE);
    settle_flush_all(&s->settle);
    link_close(s->link);
}

void subscriber_set_held(struct subscriber *s, size_t bytes)
{
    const size_t most = held_bytes_max[s->options->lane];
    if (s->open && !s->paused && bytes > most && link_is_ready(s->link)) {
        s->paused = true;
        s->paused_ns = clock_now_ns();
        link_pause(s->link);
    } else if (s->paused && bytes < most - most / 8) {
        resume(s);
    }
}

struct settle *subscriber_settle(struct subscriber *s)
{
    return &s->settle;
}

bool subscriber_is_stalled(const struct subscriber *s)
{
    return s->paused && clock_now_ns() - s->paused_ns > PAUSED_MAX_NS;
}

bool subscriber_is_ready(const struct subscriber *s)
{
    return link_is_ready(s->link);
}

bool subscriber_is_consuming(const struct subscriber *s)
{
    return s->state == CONSUMING;
}

const char *subscriber_reason(const struct subscriber *s)
{
    if (!link_is_ready(s->link))
        return link_reason(s->link);
    if (s->reason[0] != 0)
        return s->reason;
    return s->open ? "about to consume" : "not consuming";
}
