/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake is open while the database is believed to take batches: it opens when the first writer
 * becomes free, and closes, with all that waits sent back, when no writer works any more: each has
 * given its batch up, or none was well for a minute. The messages come again, here or elsewhere.
 *
 * Deliveries of one read of the socket come one by one; a batch is begun after the last of them.
 *
 * A transaction costs PostgreSQL a third of a millisecond however few its events, and the broker an
 * acknowledgement and the feed's question. So after one has begun, the next small one waits a few
 * milliseconds for more; a lone event finds nothing begun just before and goes at once. What is
 * worth a transaction by its size does not wait, and urgent events have a writer that never does.
 *
 * A consumer whose clock is far from the database's takes nothing (timekeeper.h).
 *
 * A batch is acknowledged when it was stored and came back from the feed; one that is given up
 * goes back to the queue.
 */
#include "consumer/consumer.h"

#include <stdlib.h>

#include <event2/event.h>

#include "common/app/config.h"
#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/net/probes.h"
#include "consumer/feed.h"
#include "consumer/intake.h"
#include "consumer/meters.h"
#include "consumer/receipts.h"
#include "consumer/spares.h"
#include "consumer/standstill.h"
#include "consumer/timekeeper.h"
#include "consumer/writers.h"

#define BATCH_BYTES_MAX ((size_t)640 << 10) /* of messages; a single larger one is a batch */
#define GATHER_NS       (5 * CLOCK_MS)      /* between the beginnings of two small batches */
#define UNWELL_MAX_NS   (60 * CLOCK_S)      /* then what waits goes back */
#define TICK_S          1

struct consumer {
    struct loop *loop;           /* borrowed */
    const struct config *config; /* borrowed */
    struct meters meters;
    struct intake *intake; /* owned */
    struct feed_options feed_options;
    struct receipts *receipts;   /* owned */
    struct feed *feed;           /* owned */
    struct event_reader *reader; /* owned */
    struct writers writers;
    struct spares spares;
    struct timekeeper time;
    struct standstill standstill;
    int64_t begun_ns;          /* when a writer that takes everything last got a batch */
    bool urgent_last;          /* the last batch was of urgent events alone, and others waited */
    struct event *kick, *tick; /* owned */
    int64_t unwell_ns;         /* since when no writer is well; 0 = one is */
    int64_t drain_by_ns;       /* 0 = not draining */
    bool ended;                /* the intake was told to end */
    void (*on_drained)(void *arg);
    void *on_drained_arg;
};

/* ---- batches go out ---- */

static bool has_any(const struct consumer *c, size_t writer)
{
    return intake_has(c->intake, TOPOLOGY_URGENT) ||
           (writer != URGENT_WRITER && intake_has(c->intake, TOPOLOGY_NORMAL));
}

static void add_lane(struct consumer *c, struct batch *b, enum topology_lane lane)
{
    const size_t events_max = (size_t)c->config->consumer_batch_events;
    while (intake_has(c->intake, lane) && b->event_count < events_max &&
           b->deliveries.bytes < BATCH_BYTES_MAX)
        batch_add(b, c->reader, intake_take(c->intake, lane));
}

/* Urgent events do not wait for a large transaction: one writer takes nothing else. More of them
 * than it can take get transactions of their own, but not twice in a row, so that the others come
 * through, too. */
static void add_lanes(struct consumer *c, struct batch *b, size_t writer)
{
    if (writer == URGENT_WRITER) {
        add_lane(c, b, TOPOLOGY_URGENT);
        return;
    }
    const bool alone = intake_has(c->intake, TOPOLOGY_URGENT) &&
                       intake_has(c->intake, TOPOLOGY_NORMAL) && !c->urgent_last;
    c->urgent_last = alone;
    add_lane(c, b, TOPOLOGY_URGENT);
    if (!alone)
        add_lane(c, b, TOPOLOGY_NORMAL);
}

/* NULL when memory ran out; the deliveries are sent back. */
static struct batch *make_batch(struct consumer *c, size_t writer)
{
    struct batch *b = spares_take(&c->spares);
    if (b != NULL) {
        add_lanes(c, b, writer);
        batch_seal(b);
    }
    if (b != NULL && !b->failed)
        return b;
    log_error("no_memory", "out of memory, the messages that wait go back to the queue");
    if (b != NULL)
        intake_send_back(c->intake, &b->deliveries);
    batch_destroy(b);
    intake_close(c->intake);
    intake_open(c->intake);
    return NULL;
}

/* What waits is little, and more of it may come: another look is taken in time. */
static bool is_early(struct consumer *c)
{
    const int64_t left_ns = c->begun_ns + GATHER_NS - clock_now_ns();
    if (left_ns <= 0 || intake_has_plenty(c->intake))
        return false;
    event_add(c->kick, &(const struct timeval){.tv_usec = (suseconds_t)(left_ns / 1000 + 1)});
    return true;
}

static void fill_writers(struct consumer *c)
{
    if (!timekeeper_is_right(&c->time))
        return;
    for (size_t i = 0; i < c->writers.count; i++) {
        if (!writer_is_free(c->writers.at[i]) || !has_any(c, i))
            continue;
        if (i != URGENT_WRITER && is_early(c))
            return;
        struct batch *b = make_batch(c, i);
        if (b == NULL)
            return;
        if (i != URGENT_WRITER)
            c->begun_ns = clock_now_ns();
        metric_observe(c->meters.batch_size, (int64_t)b->event_count);
        writer_store(c->writers.at[i], b);
    }
}

static void on_kick(int fd, short what, void *arg)
{
    loop_works();
    (void)fd, (void)what;
    fill_writers(arg);
}

static void on_arrived(void *arg)
{
    struct consumer *c = arg;
    event_active(c->kick, EV_TIMEOUT, 0);
}

/* ---- batches come back ---- */

static void open_intake(struct consumer *c)
{
    if (c->drain_by_ns == 0 && timekeeper_is_right(&c->time))
        intake_open(c->intake);
}

static void end_if_drained(struct consumer *c)
{
    if (c->drain_by_ns == 0 || c->ended || !writers_hold_nothing(&c->writers) ||
        !feed_is_idle(c->feed))
        return;
    c->ended = true;
    intake_end(c->intake);
}

/* Told, or given up by the feed: either way it is stored. */
static void on_told(void *arg, struct batch *b)
{
    struct consumer *c = arg;
    intake_settle(c->intake, &b->deliveries);
    spares_give(&c->spares, b);
    if (writers_any(&c->writers, writer_is_free))
        open_intake(c);
    end_if_drained(c);
}

static void on_stored(void *arg, struct batch *b, const struct writer_result *result)
{
    struct consumer *c = arg;
    meters_stored(&c->meters, b, result);
    spares_give_rows(&c->spares, b);
    receipts_add(c->receipts, &b->deliveries, result->database_us);
    feed_tell(c->feed, b);
}

static void on_given_up(void *arg, struct batch *b, const struct session_fault *why)
{
    struct consumer *c = arg;
    intake_send_back(c->intake, &b->deliveries);
    batch_destroy(b);
    if (intake_is_open(c->intake) && !writers_any(&c->writers, writer_has_batch) &&
        !writers_any(&c->writers, writer_is_free)) {
        intake_close(c->intake);
        log_error(
            "intake_closed",
            "the database refuses every batch: messages stay in the queue until it accepts one",
            LOG_TEXT("class", sqlstate_class_name(why->class)), LOG_TEXT("reason", why->message));
    }
    end_if_drained(c);
}

static void on_free(void *arg, struct writer *w)
{
    struct consumer *c = arg;
    if (c->drain_by_ns != 0)
        return;
    if (w != c->writers.at[URGENT_WRITER])
        open_intake(c);
    fill_writers(c);
}

/* The broker has taken back the unacknowledged messages. Batches under way may still commit: when
 * the broker delivers their messages again, the rows are found stored already. */
static void on_lost(void *arg)
{
    struct consumer *c = arg;
    writers_give_up(&c->writers);
}

/* ---- time ---- */

/* When the feed has as many batches in memory as the limits allow, the socket is not read, and the
 * broker would close the connection. The intake opens again when the feed gives a batch back. */
static void watch_feed(struct consumer *c)
{
    const char *trouble = feed_trouble(c->feed);
    if (trouble == NULL || !intake_close_stalled(c->intake))
        return;
    log_error("intake_closed",
              "the feed makes no progress: messages stay in the queue until it does",
              LOG_TEXT("reason", trouble));
}

static void watch_clock(struct consumer *c)
{
    const bool was_put_right = timekeeper_look(&c->time, &c->meters);
    if (was_put_right && writers_any(&c->writers, writer_is_free))
        open_intake(c);
    if (!timekeeper_is_right(&c->time) && intake_is_open(c->intake))
        intake_close(c->intake);
}

static void watch_writers(struct consumer *c)
{
    const int64_t now_ns = clock_now_ns();
    if (writers_any(&c->writers, writer_is_well)) {
        c->unwell_ns = 0;
        return;
    }
    if (c->unwell_ns == 0)
        c->unwell_ns = now_ns;
    const bool due = intake_is_open(c->intake) && now_ns - c->unwell_ns >= UNWELL_MAX_NS;
    if (due)
        intake_close(c->intake);
    else if (!intake_close_stalled(c->intake))
        return;
    log_error("intake_closed",
              "the database is unreachable: messages stay in the queue until it is back",
              LOG_TEXT("reason", writers_trouble(&c->writers)));
}

/* A writer that gave up is unwell until the database would take a batch again, so trouble is seen
 * here however often its messages go back to the queue meanwhile. */
static bool is_storing(const struct consumer *c)
{
    return intake_is_open(c->intake) && writers_any(&c->writers, writer_is_well);
}

static void on_tick(int fd, short what, void *arg)
{
    loop_works();
    struct consumer *c = arg;
    const struct probes why = {.on_health = consumer_report, .arg = c};
    (void)fd, (void)what;
    watch_clock(c);
    watch_writers(c);
    watch_feed(c);
    intake_show(c->intake);
    metric_set(c->meters.storing, is_storing(c));
    standstill_look(&c->standstill, is_storing(c) || c->drain_by_ns != 0, &why);
    meters_tell(&c->meters);
    if (c->drain_by_ns == 0 || c->ended || clock_now_ns() < c->drain_by_ns)
        return;
    log_warning("drain_cut", "out of time: messages not committed yet stay in the queue");
    c->ended = true;
    intake_end(c->intake);
}

/* ---- life ---- */

static void on_feed_ended(void *arg)
{
    struct consumer *c = arg;
    receipts_end(c->receipts, c->on_drained, c->on_drained_arg);
}

static void on_ended(void *arg)
{
    struct consumer *c = arg;
    feed_end(c->feed, on_feed_ended, c);
}

static bool start(struct consumer *c, const struct catalog_choice *catalog)
{
    static const struct intake_handler handler = {on_arrived, on_lost, on_ended};
    static const struct timeval second = {TICK_S, 0};
    /* The producer may have been given wider limits; what it let in is not refused here. */
    const struct gate_limits limits = {.depth = 64, .members = 1 << 20, .digits = 1 << 24};
    meters_register(&c->meters);
    c->reader = event_reader_create(&limits);
    c->kick = evtimer_new(loop_base(c->loop), on_kick, c);
    c->tick = event_new(loop_base(c->loop), -1, EV_PERSIST, on_tick, c);
    c->intake = intake_create(
        c->loop, &(struct subscriber_options){.config = c->config, .meters = &c->meters}, &handler,
        c);
    c->feed_options = (struct feed_options){c->config, &c->meters};
    c->feed = feed_create(c->loop, &c->feed_options, on_told, c);
    c->receipts = receipts_create(c->loop, c->config);
    if (c->feed == NULL || c->receipts == NULL || c->reader == NULL || c->kick == NULL ||
        c->tick == NULL || c->intake == NULL)
        return false;
    event_reader_use(c->reader, catalog);
    event_add(c->tick, &second);
    c->writers.handler = (struct writer_handler){on_free, on_stored, on_given_up};
    c->writers.arg = c;
    return writers_start(
        &c->writers, c->loop,
        &(struct writer_options){.config = c->config, .meters = &c->meters, .skew = &c->time.skew});
}

struct consumer *consumer_create(struct loop *loop, const struct config *config,
                                 const struct catalog_choice *catalog)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct consumer){.loop = loop, .config = config};
    if (start(c, catalog))
        return c;
    consumer_destroy(c);
    return NULL;
}

void consumer_destroy(struct consumer *c)
{
    if (c == NULL)
        return;
    meters_tell_last(&c->meters);
    writers_finish(&c->writers);
    feed_destroy(c->feed);
    receipts_destroy(c->receipts);
    intake_destroy(c->intake);
    event_reader_destroy(c->reader);
    spares_finish(&c->spares);
    if (c->kick != NULL)
        event_free(c->kick);
    if (c->tick != NULL)
        event_free(c->tick);
    free(c);
}

void consumer_drain(struct consumer *c, void (*on_drained)(void *arg), void *arg)
{
    c->drain_by_ns = clock_now_ns() + c->config->shutdown_timeout_s * CLOCK_S;
    c->on_drained = on_drained;
    c->on_drained_arg = arg;
    log_info("draining", "stopping: finishing the transactions under way");
    intake_close(c->intake);
    writers_give_up(&c->writers);
    end_if_drained(c);
}

void consumer_report(void *consumer, struct probe_report *report)
{
    const struct consumer *c = consumer;
    enum probe_status stores =
        writers_any(&c->writers, writer_is_well) ? PROBE_HEALTHY : PROBE_UNHEALTHY;
    if (stores == PROBE_HEALTHY && !writer_is_well(c->writers.at[URGENT_WRITER]))
        stores = PROBE_DEGRADED;
    intake_report(c->intake, stores != PROBE_UNHEALTHY && timekeeper_is_right(&c->time), report);
    if (feed_is_on(c->feed))
        probe_check(report, "feed", feed_trouble(c->feed) != NULL ? PROBE_DEGRADED : PROBE_HEALTHY,
                    feed_trouble(c->feed));
    timekeeper_report(&c->time, report);
    probe_check(report, "postgresql", stores,
                stores == PROBE_HEALTHY ? NULL : writers_trouble(&c->writers));
}
