/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   DOWN --on_ready--> DECLARING --declared--> SELECTING --confirms on--> SETTLING --> OPEN
 *     ^------------------------- on_lost, from anywhere -------------------------------'
 *
 * SETTLING takes a second the first time and after a queue was missing, otherwise no time: messages
 * that RabbitMQ confirms within half a second of creating a quorum queue are lost after a kill -9,
 * because it writes the file that names the queue's log only twice a second.
 *
 * A message is in one of two places: with the link, which waits for its confirm, or in `again`, to
 * be published (once more) when OPEN, in the first order and under the first id, so that the
 * consumer recognises stored events. When the link is lost its messages move to the front of
 * `again`; a message there that no request waits for any more is dropped. A message with the link
 * stays until its confirm, because the broker may already have stored it.
 *
 * When the broker stops confirming on a live connection, the publisher gives the connection up
 * after a while and publishes the messages again on a new one; likewise when the broker nacks all
 * messages of a lane (nacks.h).
 */
#include "producer/publisher.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/amqp/topology.h"
#include "common/app/log.h"
#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "producer/publisher_private.h"

_Static_assert((int)OUTBOX_NORMAL == (int)TOPOLOGY_NORMAL &&
                   (int)OUTBOX_URGENT == (int)TOPOLOGY_URGENT &&
                   (int)OUTBOX_LANES == (int)TOPOLOGY_LANES,
               "a lane of the outbox is a lane of the topology");

#define SILENCE_NS (60 * CLOCK_S) /* without a confirm, then the connection is given up */
#define SETTLE_S   1              /* twice what RabbitMQ 3.10 was seen to need */

static struct publisher_metrics registered;

void publisher_register(void)
{
    registered = publisher_metrics_register();
    follow_register();
}

/* The only place that changes a state. */
static void enter(struct publisher *p, enum publisher_state to)
{
    if (p->state == PUBLISHER_OPEN && to != PUBLISHER_OPEN)
        p->down_since_ns = clock_now_ns();
    p->state = to;
    metric_set(p->metrics.connected, to == PUBLISHER_OPEN);
    outbox_open(p->outbox, to == PUBLISHER_OPEN);
}

static void open_outbox(struct publisher *p)
{
    if (p->was_open)
        metric_add(p->metrics.reconnects, 1);
    p->was_open = true;
    log_repeat_reset(&p->refusals);
    log_info("publisher_open", "events are accepted", LOG_TEXT("peer", link_peer(p->link)));
    publisher_send_again(p);
    enter(p, PUBLISHER_OPEN);
    publisher_show(p);
}

static void await_settling(struct publisher *p)
{
    p->settled = false;
    enter(p, PUBLISHER_SETTLING);
    event_add(p->settle, &(const struct timeval){.tv_sec = SETTLE_S});
}

static void on_settled(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct publisher *p = arg;
    (void)fd;
    (void)events;
    assert(p->state == PUBLISHER_SETTLING);
    p->settled = true;
    open_outbox(p);
}

static void on_confirms_selected(void *arg, const struct link_answer *answer)
{
    struct publisher *p = arg;
    if (!answer->ok)
        return;
    p->blocked = link_is_blocked(p->link);
    if (p->settled)
        open_outbox(p);
    else
        await_settling(p);
}

/* A refusal was logged by the topology, with the broker's words; a new channel comes by itself. */
static void on_declared(void *arg, const struct link_answer *answer)
{
    struct publisher *p = arg;
    if (!answer->ok || p->state != PUBLISHER_DECLARING)
        return;
    if (topology_has_made(p->options.topology))
        p->settled = false;
    enter(p, PUBLISHER_SELECTING);
    follow_open(&p->follow, p->link);
    link_select_confirms(p->link, on_confirms_selected, p);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct publisher *p = arg;
    (void)generation;
    p->declare_again = p->declaring = false;
    enter(p, PUBLISHER_DECLARING);
    topology_declare(p->options.topology, p->link, on_declared, p);
}

static void on_lost(void *arg, const char *reason)
{
    struct publisher *p = arg;
    struct message_list later = message_list_take(&p->again);
    struct outbox_message *m;
    (void)reason;
    while (p->link != NULL && (m = link_take_oldest(p->link)) != NULL)
        message_list_push(&p->again, m);
    message_list_append(&p->again, &later);
    p->blocked = false;
    waiting_lost(&p->follow.waiting, clock_now_ns());
    for (size_t lane = 0; lane < OUTBOX_LANES; lane++)
        nacks_void(&p->nacks[lane]);
    metric_set(p->metrics.blocked, 0);
    event_del(p->settle);
    enter(p, PUBLISHER_DOWN);
    publisher_show(p);
}

static void on_blocked(void *arg, const char *reason)
{
    struct publisher *p = arg;
    p->blocked = reason != NULL;
    if (!p->blocked)
        p->unblocked_ns = clock_now_ns();
    metric_set(p->metrics.blocked, p->blocked);
}

static void log_refusal(struct publisher *p, const struct outbox_message *m, const char *how)
{
    uint64_t held = 0;
    if (log_repeat_due(&p->refusals, &held))
        log_error("publish_refused", "the broker refused a message, its requests are answered 503",
                  LOG_TEXT("how", how), LOG_TEXT("queue", p->options.topology->queue[m->lane]),
                  LOG_TEXT("message_id", m->id), LOG_INT("events", m->events),
                  LOG_INT("held_back", held));
}

/* What an outcome says about the lane and its queue. */
static void handle_outcome(struct publisher *p, const struct outbox_message *m,
                           enum link_outcome outcome)
{
    struct nacks *nacks = &p->nacks[m->lane];
    switch (outcome) {
    case LINK_NACKED:
        nacks_add(nacks, clock_now_ns());
        metric_add(p->metrics.nacked, 1);
        log_refusal(p, m, "nacked");
        return;
    case LINK_RETURNED:
        metric_add(p->metrics.returned, 1);
        log_refusal(p, m, "no such queue");
        p->declare_again = true;
        break;
    case LINK_ACKED:
        break;
    }
    nacks_end(nacks);
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    struct publisher *p = arg;
    struct outbox_message *m = c->context;
    metric_observe_ns(p->metrics.confirm_duration, clock_now_ns() - m->sent_ns);
    handle_outcome(p, m, c->outcome);
    follow_confirmed(&p->follow, m->number, c->outcome);
    outbox_settle(p->outbox, m, c->outcome == LINK_ACKED ? OUTBOX_HELD : OUTBOX_REFUSED);
    publisher_show(p);
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    struct publisher *p = arg;
    follow_receipt(&p->follow, d);
}

static void on_link_closed(void *arg)
{
    struct publisher *p = arg;
    p->link = NULL;
    if (p->on_closed != NULL)
        p->on_closed(p->closed_arg);
}

static const struct link_handler link_handler = {
    .on_ready = on_ready,
    .on_lost = on_lost,
    .on_blocked = on_blocked,
    .on_confirm = on_confirm,
    .on_delivery = on_delivery,
    .on_closed = on_link_closed,
};

static void connect_link(struct publisher *p)
{
    p->link = link_create(p->loop, p->options.link, &link_handler, p);
    if (p->link == NULL)
        log_error("publisher_failed", "out of memory for a link, trying again in a second");
}

static bool is_refused(const struct publisher *p)
{
    const int64_t now_ns = clock_now_ns();
    for (size_t lane = 0; lane < OUTBOX_LANES; lane++)
        if (nacks_are_too_many(&p->nacks[lane], now_ns))
            return true;
    return false;
}

/* The connection lives and does not confirm. */
static void give_up_link(struct publisher *p, const char *why)
{
    log_error("publisher_stuck", why, LOG_TEXT("peer", link_peer(p->link)),
              LOG_INT("unconfirmed", publisher_unconfirmed(p)));
    on_lost(p, NULL);
    link_destroy(p->link);
    p->link = NULL;
}

static void drop_unawaited(struct publisher *p)
{
    struct message_list all = message_list_take(&p->again);
    struct outbox_message *m;
    while ((m = message_list_pop(&all)) != NULL) {
        if (outbox_is_awaited(m))
            message_list_push(&p->again, m);
        else
            publisher_drop(p, m);
    }
    outbox_drop_unawaited(p->outbox);
}

static void on_redeclared(void *arg, const struct link_answer *answer)
{
    struct publisher *p = arg;
    p->declaring = false;
    if (!answer->ok || p->state != PUBLISHER_OPEN)
        return;
    if (topology_has_made(p->options.topology))
        log_warning("queues_declared", "a queue was gone and is there again");
    await_settling(p);
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct publisher *p = arg;
    (void)fd;
    (void)events;
    if (p->link != NULL && !p->blocked && publisher_silence_ns(p) > SILENCE_NS)
        give_up_link(p, "the broker has stopped confirming, connecting again");
    else if (p->link != NULL && is_refused(p))
        give_up_link(p, "the broker accepts no message of a lane, connecting again");
    if (p->link == NULL)
        connect_link(p);
    if (p->state != PUBLISHER_OPEN) {
        drop_unawaited(p);
    } else {
        publisher_send_again(p);
        if (p->declare_again && !p->declaring) {
            p->declaring = true;
            p->declare_again = false;
            topology_declare(p->options.topology, p->link, on_redeclared, p);
        }
    }
    follow_watch(&p->follow);
    publisher_tell_standstill(p);
    publisher_show(p);
}

struct publisher *publisher_create(struct loop *loop, const struct publisher_options *options)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->loop = loop;
    p->options = *options;
    p->metrics = registered;
    p->tick = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, p);
    p->settle = evtimer_new(loop_base(loop), on_settled, p);
    if (p->tick != NULL && p->settle != NULL)
        return p;
    publisher_destroy(p);
    return NULL;
}

void publisher_start(struct publisher *p, struct outbox *outbox)
{
    const struct timeval second = {.tv_sec = 1};
    p->outbox = outbox;
    p->down_since_ns = clock_now_ns();
    connect_link(p);
    event_add(p->tick, &second);
}

/* Gives all messages back. */
static void stop(struct publisher *p)
{
    struct outbox_message *m;
    if (p->outbox == NULL)
        return;
    event_del(p->tick);
    on_lost(p, NULL);
    while ((m = message_list_pop(&p->again)) != NULL)
        publisher_drop(p, m);
}

void publisher_close(struct publisher *p, void (*fn)(void *arg), void *arg)
{
    p->on_closed = fn;
    p->closed_arg = arg;
    stop(p);
    if (p->link != NULL)
        link_close(p->link);
    else
        fn(arg);
}

void publisher_destroy(struct publisher *p)
{
    if (p == NULL)
        return;
    stop(p);
    if (p->link != NULL)
        link_destroy(p->link);
    follow_finish(&p->follow);
    if (p->tick != NULL)
        event_free(p->tick);
    if (p->settle != NULL)
        event_free(p->settle);
    free(p);
}
