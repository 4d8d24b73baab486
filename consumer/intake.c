/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each lane has a link of its own: the broker sends a connection all that its prefetch allows,
 * which is megabytes, and on one connection for both lanes an urgent message would wait behind
 * that.
 *
 * For the broker an acknowledgement is an entry in the log of the queue and a flush of the disk,
 * which delays the confirms of producers. So stored messages are acknowledged together,
 * ACK_WITHIN_MS later at the latest, or immediately when the prefetch is nearly used up. If the
 * link is lost before that, the broker delivers them again, and their rows are found stored
 * already.
 */
#include "consumer/intake.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/app/config.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/net/probes.h"
#include "consumer/meters.h"

#define PLENTY_BYTES  ((size_t)256 << 10)
#define ACK_WITHIN_MS 20

struct lane {
    struct intake *in; /* borrowed: whose it is */
    enum topology_lane name;
    struct subscriber_options options;
    struct subscriber *subscriber; /* owned */
    struct delivery_list waiting;
    size_t held; /* bytes of its deliveries, here and in batches */
    bool open, ended;
};

struct intake {
    const struct meters *meters; /* borrowed */
    struct intake_handler handler;
    void *arg;
    struct event *ack; /* owned; while something stored is not acknowledged */
    struct lane lanes[TOPOLOGY_LANES];
};

static void hold(struct lane *lane, size_t bytes)
{
    lane->held += bytes;
    metric_add(lane->in->meters->held_bytes, (int64_t)bytes);
    subscriber_set_held(lane->subscriber, lane->held);
}

static void let_go(struct lane *lane, size_t bytes)
{
    assert(lane->held >= bytes);
    lane->held -= bytes;
    metric_add(lane->in->meters->held_bytes, -(int64_t)bytes);
    subscriber_set_held(lane->subscriber, lane->held);
}

static struct settle *settle_of(const struct lane *lane)
{
    return subscriber_settle(lane->subscriber);
}

static void show_in_flight(const struct intake *in)
{
    size_t open = 0;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++)
        open += settle_open_count(settle_of(&in->lanes[i]));
    metric_set(in->meters->in_flight, (int64_t)open);
}

void intake_show(const struct intake *in)
{
    const int64_t now_ns = clock_now_ns();
    int64_t age_ns = 0;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        const int64_t since_ns = settle_oldest_ns(settle_of(&in->lanes[i]));
        if (since_ns != 0 && now_ns - since_ns > age_ns)
            age_ns = now_ns - since_ns;
    }
    metric_set(in->meters->oldest_age, age_ns / CLOCK_S);
}

/* Acknowledges all that can be. */
static void flush(struct intake *in)
{
    event_del(in->ack);
    for (size_t i = 0; i < TOPOLOGY_LANES; i++)
        settle_flush(settle_of(&in->lanes[i]));
    show_in_flight(in);
}

static void on_ack(evutil_socket_t fd, short what, void *arg)
{
    loop_works();
    (void)fd, (void)what;
    flush(arg);
}

/* The broker would send no more, or less than it could. */
static bool is_ack_urgent(const struct intake *in)
{
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        const struct lane *lane = &in->lanes[i];
        if (settle_open_count(settle_of(lane)) * 2 >=
            (size_t)lane->options.config->consumer_prefetch)
            return true;
    }
    return false;
}

void intake_settle(struct intake *in, const struct delivery_list *list)
{
    static const struct timeval within = {.tv_usec = ACK_WITHIN_MS * 1000};
    const int64_t now_ns = clock_now_ns();
    for (const struct delivery *d = list->head; d != NULL; d = d->next) {
        struct lane *lane = &in->lanes[d->lane];
        settle_committed(settle_of(lane), d->generation, d->tag);
        metric_observe_ns(in->meters->ack_duration, now_ns - d->arrived_ns);
        let_go(lane, delivery_size(d));
    }
    if (is_ack_urgent(in))
        flush(in);
    else if (!evtimer_pending(in->ack, NULL))
        event_add(in->ack, &within);
}

void intake_send_back(struct intake *in, const struct delivery_list *list)
{
    for (const struct delivery *d = list->head; d != NULL; d = d->next) {
        struct lane *lane = &in->lanes[d->lane];
        settle_requeue(settle_of(lane), d->generation, d->tag);
        let_go(lane, delivery_size(d));
    }
    flush(in);
}

static void send_back_waiting(struct lane *lane)
{
    intake_send_back(lane->in, &lane->waiting);
    delivery_list_clear(&lane->waiting);
}

void intake_open(struct intake *in)
{
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        struct lane *lane = &in->lanes[i];
        if (lane->open)
            continue;
        lane->open = true;
        subscriber_open(lane->subscriber);
    }
}

static void close_lane(struct lane *lane)
{
    lane->open = false;
    subscriber_close(lane->subscriber);
    send_back_waiting(lane);
    settle_flush_all(settle_of(lane));
}

void intake_close(struct intake *in)
{
    for (size_t i = 0; i < TOPOLOGY_LANES; i++)
        close_lane(&in->lanes[i]);
}

bool intake_close_stalled(struct intake *in)
{
    bool any = false;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        struct lane *lane = &in->lanes[i];
        if (!lane->open || !subscriber_is_stalled(lane->subscriber))
            continue;
        any = true;
        close_lane(lane);
    }
    return any;
}

bool intake_is_open(const struct intake *in)
{
    return in->lanes[TOPOLOGY_NORMAL].open || in->lanes[TOPOLOGY_URGENT].open;
}

bool intake_has(const struct intake *in, enum topology_lane lane)
{
    return in->lanes[lane].waiting.count > 0;
}

bool intake_has_plenty(const struct intake *in)
{
    size_t bytes = 0;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        const struct lane *lane = &in->lanes[i];
        bytes += lane->waiting.bytes;
        if (lane->waiting.count * 2 >= (size_t)lane->options.config->consumer_prefetch)
            return true;
    }
    return bytes >= PLENTY_BYTES;
}

struct delivery *intake_take(struct intake *in, enum topology_lane lane)
{
    return delivery_list_take(&in->lanes[lane].waiting);
}

/* ---- a lane's subscriber ---- */

static void on_delivery(void *arg, struct delivery *d)
{
    struct lane *lane = arg;
    d->lane = (uint8_t)lane->name;
    delivery_list_add(&lane->waiting, d);
    hold(lane, delivery_size(d));
    show_in_flight(lane->in);
    lane->in->handler.on_arrived(lane->in->arg);
}

static void on_lost(void *arg)
{
    struct lane *lane = arg;
    send_back_waiting(lane);
    lane->in->handler.on_lost(lane->in->arg);
}

static void on_ended(void *arg)
{
    struct lane *lane = arg;
    struct intake *in = lane->in;
    lane->ended = true;
    if (in->lanes[TOPOLOGY_NORMAL].ended && in->lanes[TOPOLOGY_URGENT].ended)
        in->handler.on_ended(in->arg);
}

static bool start_lane(struct lane *lane, struct loop *loop,
                       const struct subscriber_options *options)
{
    static const struct subscriber_handler handler = {on_delivery, on_lost, on_ended};
    lane->options = *options;
    lane->options.lane = lane->name;
    lane->subscriber = subscriber_create(loop, &lane->options, &handler, lane);
    return lane->subscriber != NULL;
}

struct intake *intake_create(struct loop *loop, const struct subscriber_options *options,
                             const struct intake_handler *handler, void *arg)
{
    struct intake *in = calloc(1, sizeof *in);
    bool started = in != NULL;
    if (in == NULL)
        return NULL;
    *in = (struct intake){.meters = options->meters, .handler = *handler, .arg = arg};
    in->ack = evtimer_new(loop_base(loop), on_ack, in);
    started = in->ack != NULL;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        struct lane *lane = &in->lanes[i];
        lane->in = in;
        lane->name = (enum topology_lane)i;
        started = started && start_lane(lane, loop, options);
    }
    if (started)
        return in;
    intake_destroy(in);
    return NULL;
}

void intake_destroy(struct intake *in)
{
    if (in == NULL)
        return;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        struct lane *lane = &in->lanes[i];
        subscriber_destroy(lane->subscriber);
        delivery_list_clear(&lane->waiting);
    }
    if (in->ack != NULL)
        event_free(in->ack);
    free(in);
}

void intake_end(struct intake *in)
{
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        struct lane *lane = &in->lanes[i];
        lane->open = false;
        subscriber_end(lane->subscriber);
    }
}

/* Nothing is taken where nothing can be stored, and a lane alone may be closed until its messages
 * are: that is not the broker's trouble. */
void intake_report(const struct intake *in, bool stores, struct probe_report *report)
{
    enum probe_status status = PROBE_HEALTHY;
    const char *reason = NULL;
    size_t idle = 0;
    for (size_t i = 0; i < TOPOLOGY_LANES; i++) {
        const struct subscriber *s = in->lanes[i].subscriber;
        if (subscriber_is_consuming(s))
            continue;
        idle++;
        if (in->lanes[i].open || !subscriber_is_ready(s) || (idle == TOPOLOGY_LANES && stores))
            status = PROBE_UNHEALTHY;
        else if (status == PROBE_HEALTHY)
            status = PROBE_DEGRADED;
        if (reason == NULL || status == PROBE_UNHEALTHY)
            reason = subscriber_reason(s);
    }
    if (status == PROBE_DEGRADED && !stores)
        reason = "connected; messages stay in the queue while nothing can be stored";
    probe_check(report, "rabbitmq", status, reason);
}
