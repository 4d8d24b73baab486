/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   DOWN --on_ready--> DECLARING --declared--> SELECTING --confirms on--> OPEN      (OFF: no feed)
 *     ^---------------------- on_lost, from anywhere -----------------------'
 *
 * At least once: COMMIT, publish, the broker's confirms, and only then the acknowledgement. When a
 * consumer dies in between, the broker delivers the messages again; their rows are found stored
 * already, and their events are published again (notice.c). When only the feed's link is lost, the
 * feed publishes its batches again from their beginning.
 *
 * The feed has a link of its own: under an alarm the broker stops reading from connections that
 * publish, and the acknowledgements, which end the alarm, must not be stuck there. Batches form a
 * queue: events of one routing key are published in the order of their commits, as many at a time
 * as the two bounds of the window allow.
 *
 * A message costs the broker as much as an event costs everything else, and most keys have no
 * subscriber. So the first event of each key in a batch is published as mandatory, and when the
 * broker returns it, the other events of the key are not published (bindings.c). The return holds
 * for them as long as every exchange on the way routes by key and headers, which are the same for
 * all of them: topic, direct, fanout and headers exchanges do. Exchanges that route at random
 * (x-random, x-consistent-hash) or keep messages they cannot route (x-recent-history) do not: they
 * need FEED_ASKS=off. If the feed's own exchange is of another type, every event is published.
 *
 * Storage comes first. The prefetch of the queue bounds what is stored and not acknowledged, so a
 * feed that cannot publish would stop storage. The feed waits FEED_PATIENCE seconds without
 * progress, which covers lost links and restarts; then it becomes impatient: it gives batches back
 * without waiting, counted as dropped, and publishes them when it can. Readers find those events in
 * the database. The feed watches one batch at a time; when all of it is confirmed, the feed is
 * patient again. With FEED_PATIENCE=0 it waits for ever, and unpublished events stay in the queue.
 *
 * An exchange may accept a message that a queue behind it refuses: a nack comes from a queue with a
 * limit and x-overflow=reject-publish. All other queues have the message and would get it twice, so
 * the nack is counted and the message not repeated.
 *
 * Rejected: marking the rows not published yet. An UPDATE per event costs more than the insert.
 */
#include "consumer/feed_private.h"

#include <assert.h>

#include "common/core/clock.h"

#define WINDOW     ((size_t)8192)    /* messages not confirmed */
#define UNSENT_MAX ((size_t)1 << 20) /* bytes waiting for the socket */
#define HELD_UP_NS (2 * CLOCK_S)     /* without progress: worth telling */

/* ---- the queue of batches ---- */

static void add_batch(struct feed *f, struct batch *b)
{
    b->place = (struct feed_place){0};
    for (size_t i = 0; i < b->event_count; i++)
        b->place.due += notice_is_due(&b->events[i]);
    if (f->head == NULL)
        f->head = b;
    else
        f->tail->place.next = b;
    f->tail = b;
    if (f->next == NULL)
        f->next = b;
    if (f->head == b)
        f->moved_ns = clock_now_ns();
    metric_add(f->options.meters->feed_pending, (int64_t)b->place.due);
}

static struct batch *take_head(struct feed *f)
{
    struct batch *b = f->head;
    f->head = b->place.next;
    if (f->head == NULL)
        f->tail = NULL;
    if (f->next == b)
        f->next = f->head;
    if (f->grouped == b)
        f->grouped = NULL;
    f->moved_ns = clock_now_ns();
    metric_add(f->options.meters->feed_pending, -(int64_t)b->place.due);
    return b;
}

static bool is_told(const struct batch *b)
{
    return b->place.at == b->event_count && b->place.open == 0;
}

static void give_back_told(struct feed *f)
{
    while (f->head != NULL && is_told(f->head))
        f->on_told(f->arg, take_head(f));
}

static void let_go(struct feed *f)
{
    while (f->head != NULL) {
        if (!is_told(f->head))
            metric_add(f->options.meters->feed_dropped, (int64_t)f->head->place.due);
        f->on_told(f->arg, take_head(f));
    }
}

/* ---- publishing ---- */

static bool is_within_window(const struct feed *f)
{
    return f->state == FEED_OPEN && !link_is_blocked(f->link) && f->unconfirmed < WINDOW &&
           link_unsent(f->link) < UNSENT_MAX;
}

static void add_tag(struct feed_place *place, uint64_t tag)
{
    if (place->first == 0)
        place->first = tag;
    place->last = tag;
    place->open++;
}

static bool has_tag(const struct feed_place *place, uint64_t tag)
{
    return place->first != 0 && tag >= place->first && tag <= place->last;
}

enum publish_mode { PLAIN, MANDATORY };

/* The tag; 0: not sent, for want of memory or because the link is just going. */
static uint64_t publish(struct feed *f, struct batch *b, const struct batch_event *e,
                        enum publish_mode mode)
{
    struct link_message m;
    if (!notice_message(b, e, &f->text, &m))
        return 0;
    m.exchange = f->options.config->rabbitmq_exchange;
    m.mandatory = mode == MANDATORY;
    const uint64_t tag = link_publish(f->link, &m);
    if (tag == 0)
        return 0;
    if (f->unconfirmed++ == 0)
        f->confirm_ns = clock_now_ns();
    add_tag(&b->place, tag);
    metric_add(f->options.meters->feed_cut, e->notice.cut);
    return tag;
}

static bool ask(struct feed *f, struct batch *b, struct binding *binding)
{
    const uint64_t tag = publish(f, b, &b->events[binding->event], MANDATORY);
    if (tag != 0)
        bindings_asked(&f->bindings, binding, tag);
    return tag != 0;
}

static bool tell(struct feed *f, struct batch *b)
{
    const struct batch_event *e = &b->events[b->place.at];
    if (notice_is_due(e)) {
        const enum binding_answer answer = bindings_answer_for(&f->bindings, b, e);
        if (answer == BINDING_TELL && publish(f, b, e, PLAIN) == 0)
            return false;
        metric_add(f->options.meters->feed_unrouted, answer == BINDING_NOBODY);
    }
    b->place.at++;
    return true;
}

static void prepare(struct feed *f, struct batch *b)
{
    if (f->options.config->feed_asks != 0 && !f->no_topic)
        bindings_group(&f->bindings, b);
    else
        bindings_clear(&f->bindings);
    f->grouped = b;
}

/* One step of the batch whose turn it is; false when the next has to wait. */
static bool publish_next(struct feed *f)
{
    struct batch *b = f->next;
    if (f->grouped != b)
        prepare(f, b);
    struct binding *binding = bindings_next(&f->bindings);
    if (binding != NULL)
        return ask(f, b, binding);
    if (bindings_is_open(&f->bindings))
        return false;
    if (b->place.at < b->event_count)
        return tell(f, b);
    f->next = b->place.next;
    return true;
}

void feed_go_on(struct feed *f)
{
    while (f->next != NULL && is_within_window(f) && publish_next(f))
        ;
    give_back_told(f);
}

/* ---- patience ---- */

static void lose_patience(struct feed *f)
{
    f->impatient = true;
    f->watched = (struct feed_place){0};
    log_error("feed_held_up", "the feed cannot publish, events are acknowledged without it",
              LOG_TEXT("exchange", f->options.config->rabbitmq_exchange),
              LOG_TEXT("reason", feed_trouble(f)));
    let_go(f);
}

static void regain_patience(struct feed *f)
{
    f->impatient = false;
    log_info("feed_resumed", "the feed publishes again, acknowledgements wait for its confirms",
             LOG_INT("dropped", metric_value(f->options.meters->feed_dropped)));
}

/* What is out already of the batch given last is watched, unless something is. */
static void watch(struct feed *f)
{
    if (f->watched.open == 0 && f->tail != NULL)
        f->watched = f->tail->place;
}

static void on_watched_confirm(struct feed *f)
{
    if (--f->watched.open == 0)
        regain_patience(f);
}

void feed_tell(struct feed *f, struct batch *b)
{
    if (f->state == FEED_OFF) {
        f->on_told(f->arg, b);
        return;
    }
    add_batch(f, b);
    feed_go_on(f);
    if (!f->impatient)
        return;
    watch(f);
    let_go(f);
}

static void count_confirm(struct feed *f, enum link_outcome outcome)
{
    uint64_t held = 0;
    if (outcome != LINK_NACKED) {
        metric_add(outcome == LINK_ACKED ? f->options.meters->feed_published
                                         : f->options.meters->feed_unrouted,
                   1);
        return;
    }
    metric_add(f->options.meters->feed_refused, 1);
    if (log_repeat_due(&f->nacked, &held))
        log_warning("feed_refused", "a subscriber's queue refuses events",
                    LOG_TEXT("exchange", f->options.config->rabbitmq_exchange),
                    LOG_INT("held_back", held));
}

void feed_confirm(struct feed *f, uint64_t tag, enum link_outcome outcome)
{
    struct batch *b = f->head;
    assert(f->unconfirmed > 0);
    f->unconfirmed--;
    f->confirm_ns = clock_now_ns();
    count_confirm(f, outcome);
    if (f->grouped != NULL)
        bindings_answered(&f->bindings, tag, outcome);
    while (b != NULL && !has_tag(&b->place, tag))
        b = b->place.next;
    if (b != NULL)
        b->place.open--;
    if (b == f->head)
        f->moved_ns = f->confirm_ns;
    if (f->impatient && has_tag(&f->watched, tag))
        on_watched_confirm(f);
    feed_go_on(f);
}

void feed_start_over(struct feed *f)
{
    for (struct batch *b = f->head; b != NULL; b = b->place.next)
        b->place = (struct feed_place){.next = b->place.next, .due = b->place.due};
    f->next = f->head;
    f->grouped = NULL;
    f->unconfirmed = 0;
    f->watched = (struct feed_place){0};
}

static int64_t waited_ns(const struct feed *f)
{
    return f->head != NULL ? clock_now_ns() - f->moved_ns : 0;
}

void feed_watch_patience(struct feed *f)
{
    const int64_t patience_s = f->options.config->feed_patience_s;
    if (!f->impatient && patience_s > 0 && waited_ns(f) > patience_s * CLOCK_S)
        lose_patience(f);
}

bool feed_is_idle(const struct feed *f)
{
    return f->head == NULL;
}

bool feed_is_on(const struct feed *f)
{
    return f->state != FEED_OFF;
}

const char *feed_trouble(const struct feed *f)
{
    if (f->state == FEED_OFF)
        return NULL;
    if (f->link == NULL)
        return "connecting";
    if (f->state != FEED_OPEN)
        return link_is_ready(f->link) ? "setting up the channel" : link_reason(f->link);
    if (link_is_blocked(f->link))
        return "the broker accepts no messages: an alarm is on";
    return f->impatient || waited_ns(f) > HELD_UP_NS ? "the broker does not confirm" : NULL;
}
