/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/follow.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/probes.h"

#define SKEW_SHOWN_US (INT64_MAX / 1000) /* 292 years */
#define LOOK_NS       (10 * CLOCK_S) /* between two looks at the queues while something is doubted */

static struct metric *waiting, *oldest, *skew;

void follow_register(void)
{
    waiting =
        metrics_gauge("events_waiting", "", "Events accepted and not yet reported as stored.");
    oldest =
        metrics_greatest("oldest_waiting_seconds", "", "How long the oldest of them has waited.");
    skew = metrics_greatest("clock_skew_seconds", "",
                            "How far this machine's clock is ahead of the database's.");
}

void follow_finish(struct follow *f)
{
    waiting_finish(&f->waiting);
}

void follow_on_doubt(struct follow *f, void (*fn)(void *arg), void *arg)
{
    f->on_doubt = fn;
    f->doubt_arg = arg;
}

/* A refusal costs the channel; the next one does without. */
static void on_consuming(void *arg, const struct link_answer *answer)
{
    struct follow *f = arg;
    if (answer->ok || answer->code == 0)
        return;
    f->refused = true;
    log_warning("receipts_refused", "the broker gives no address for receipts, going on without",
                LOG_INT("code", answer->code), LOG_TEXT("reason", answer->text));
}

void follow_open(struct follow *f, struct link *l)
{
    waiting_back(&f->waiting, clock_now_ns());
    f->suspended_ns = clock_suspended_ns();
    if (!f->refused)
        link_consume_replies(l, on_consuming, f);
}

uint64_t follow_send(struct follow *f, const struct outbox_message *m,
                     char out_number[RECEIPT_NUMBER_SIZE])
{
    if (f->refused)
        return 0;
    const uint64_t number = waiting_send(&f->waiting, m->lane, m->events, m->sent_ns);
    snprintf(out_number, RECEIPT_NUMBER_SIZE, "%" PRIu64, number);
    return number;
}

static int64_t in_ns(int64_t us)
{
    if (us > SKEW_SHOWN_US)
        return SKEW_SHOWN_US * 1000;
    return us < -SKEW_SHOWN_US ? -SKEW_SHOWN_US * 1000 : us * 1000;
}

static void show(const struct follow *f)
{
    const int64_t since_ns = waiting_late_since_ns(&f->waiting);
    metric_set(waiting, (int64_t)f->waiting.events);
    metric_set(oldest, since_ns != 0 ? clock_now_ns() - since_ns : 0);
    metric_set(skew, in_ns(skew_us(&f->reference.skew)));
}

void follow_confirmed(struct follow *f, uint64_t number, enum link_outcome outcome)
{
    if (outcome == LINK_ACKED)
        waiting_held(&f->waiting, number);
    else
        waiting_refused(&f->waiting, number);
}

/* How long a message has been on its way is not known when the machine was suspended meanwhile. */
static bool was_suspended_since(struct follow *f, int64_t sent_ns)
{
    const int64_t suspended_ns = clock_suspended_ns();
    if (suspended_ns - f->suspended_ns > CLOCK_S) {
        f->suspended_ns = suspended_ns;
        f->resumed_ns = clock_now_ns();
    }
    return sent_ns < f->resumed_ns;
}

/* The message was published before the commit, and the commit was before the receipt. */
static void learn(struct follow *f, int64_t database_us, int64_t sent_ns)
{
    const int64_t now_us = clock_wall_us();
    if (was_suspended_since(f, sent_ns))
        return;
    reference_learn(&f->reference, database_us, now_us - (clock_now_ns() - sent_ns) / 1000, now_us);
}

void follow_receipt(struct follow *f, const struct link_delivery *d)
{
    struct slice text = d->body;
    struct receipt_range range;
    int64_t database_us, sent_ns = 0;
    if (!receipt_take_time(&text, &database_us))
        return;
    while (receipt_take_range(&text, &range)) {
        const int64_t ns = waiting_stored(&f->waiting, &range);
        sent_ns = ns > sent_ns ? ns : sent_ns;
    }
    if (sent_ns != 0)
        learn(f, database_us, sent_ns);
}

void follow_watch(struct follow *f)
{
    const int64_t now_ns = clock_now_ns(), since_ns = waiting_since_ns(&f->waiting);
    if (since_ns != 0 && now_ns - since_ns > WAITING_SURE_NS && now_ns - f->doubted_ns > LOOK_NS) {
        f->doubted_ns = now_ns;
        f->on_doubt(f->doubt_arg);
    }
    waiting_watch(&f->waiting, now_ns);
    reference_watch(&f->reference);
    show(f);
}

struct follow_waiting follow_waiting(const struct follow *f)
{
    show(f);
    return (struct follow_waiting){metric_of_all(waiting), metric_of_all(oldest) / CLOCK_S};
}

void follow_report(struct follow *f, struct probe_report *report)
{
    const struct follow_waiting w = follow_waiting(f);
    const char *refusal = reference_refusal(&f->reference);
    char detail[160];
    snprintf(detail, sizeof detail,
             "%" PRId64 " events accepted and not stored yet, the oldest for %" PRId64
             " s: are consumers running?",
             w.events, w.oldest_s);
    if (w.oldest_s > FOLLOW_LATE_S)
        probe_check(report, "storing", PROBE_DEGRADED, detail);
    else
        probe_check(report, "storing", PROBE_HEALTHY, NULL);
    probe_check(report, "clock", refusal != NULL ? PROBE_UNHEALTHY : PROBE_HEALTHY, refusal);
}
