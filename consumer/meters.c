/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/meters.h"

#include <stdio.h>

#include "common/app/log.h"
#include "common/core/clock.h"
#include "consumer/batch.h"
#include "consumer/writer.h"

static void register_broker(struct meters *m)
{
    static const char delivered[] = "Messages taken from the queue";
    static const char connected[] = "1 while the connection to the broker is up";
    m->connected[TOPOLOGY_NORMAL] = metrics_gauge("amqp_connected", "lane=\"normal\"", connected);
    m->connected[TOPOLOGY_URGENT] = metrics_gauge("amqp_connected", "lane=\"urgent\"", connected);
    m->reconnects =
        metrics_counter("amqp_reconnects_total", "", "Connections made after the first");
    m->delivered = metrics_counter("messages_delivered_total", "redelivered=\"false\"", delivered);
    m->redelivered = metrics_counter("messages_delivered_total", "redelivered=\"true\"", delivered);
    m->in_flight = metrics_gauge("in_flight_messages", "", "Messages not acknowledged yet");
    m->oldest_age = metrics_gauge("oldest_unacked_age_seconds", "",
                                  "How long the oldest message has been unacknowledged");
    m->storing = metrics_gauge("storing", "",
                               "1 while messages are consumed and stored, 0 while they are not");
    m->held_bytes = metrics_gauge("held_bytes", "", "Bytes of messages in memory");
    m->ack_duration =
        metrics_latency("ack_duration_seconds", "", "From the delivery to its acknowledgement");
}

static void register_events(struct meters *m)
{
    static const char dead[] = "Events put into quarantine";
    m->stored = metrics_counter("events_stored_total", "", "Rows added to log_events");
    m->duplicates = metrics_counter("events_duplicate_total", "", "Events stored before");
    m->conflicts = metrics_counter("events_dead_lettered_total", "reason=\"conflict\"", dead);
    m->refused = metrics_counter("events_dead_lettered_total", "reason=\"data\"", dead);
    m->unreadable = metrics_counter("events_dead_lettered_total", "reason=\"unreadable\"", dead);
    m->newer =
        metrics_counter("events_newer_total", "",
                        "Events of a newer version, with fields this one does not know: kept "
                        "in metadata.newer_fields");
    m->batch_size = metrics_size("batch_size", "", "Events in one transaction");
    m->latency = metrics_latency("end_to_end_latency_seconds", "",
                                 "From the acceptance of an event to its commit");
    m->skew = metrics_latency("event_clock_skew_seconds", "",
                              "How long before its acceptance an event says it happened");
}

static void register_database(struct meters *m)
{
    static char labels[SQLSTATE_CLASS_COUNT][64];
    m->committed =
        metrics_counter("db_transactions_total", "result=\"committed\"", "Transactions of batches");
    m->failed =
        metrics_counter("db_transactions_total", "result=\"failed\"", "Transactions of batches");
    for (int c = 0; c < SQLSTATE_CLASS_COUNT; c++) {
        snprintf(labels[c], sizeof labels[c], "sqlstate_class=\"%s\"",
                 sqlstate_class_name((enum sqlstate_class)c));
        m->retries[c] = metrics_counter("db_retries_total", labels[c],
                                        "Failures of a batch, by class of SQLSTATE");
    }
    m->commit_duration = metrics_latency("db_commit_duration_seconds", "",
                                         "Time that COMMIT took, with the row in batches");
    m->last_commit =
        metrics_gauge("last_commit_timestamp_seconds", "", "When the last batch was committed");
    m->clock_skew = metrics_gauge(
        "clock_skew_seconds", "",
        "How far this machine's clock is ahead of PostgreSQL's at the least; negative: behind");
    m->database_up = metrics_gauge("db_sessions_up", "", "Sessions with the database that are up");
    m->database_lost = metrics_counter("db_sessions_lost_total", "",
                                       "Sessions with the database that were lost or not made");
}

static void register_feed(struct meters *m)
{
    m->feed_connected = metrics_gauge("feed_connected", "", "1 while the feed can publish");
    m->feed_blocked = metrics_gauge("feed_blocked", "", "1 while the broker blocks the feed");
    m->feed_pending =
        metrics_gauge("feed_pending", "", "Stored events waiting for the feed's publisher confirm");
    m->feed_published =
        metrics_counter("feed_published_total", "", "Messages the feed's exchange confirmed");
    m->feed_unrouted =
        metrics_counter("feed_unrouted_total", "", "Events whose routing key had no subscriber");
    m->feed_refused =
        metrics_counter("feed_refused_total", "", "Messages a subscriber's queue refused");
    m->feed_dropped = metrics_counter("feed_dropped_total", "",
                                      "Events acknowledged without waiting for the feed");
    m->feed_cut = metrics_counter("feed_cut_total", "",
                                  "Messages whose routing key or type was cut to 255 bytes");
}

void meters_register(struct meters *m)
{
    register_broker(m);
    register_events(m);
    register_database(m);
    register_feed(m);
}

static void measure_events(const struct meters *m, const struct batch *b)
{
    const int64_t now_us = clock_wall_us();
    const bool debug = log_is_on(LOG_LEVEL_DEBUG);
    char id[ID_TEXT_SIZE + 1];
    for (size_t i = 0; i < b->event_count; i++) {
        const struct batch_event *e = &b->events[i];
        if (e->verdict != BATCH_STORE)
            continue;
        metric_observe_ns(m->latency, (now_us - e->received_at) * 1000);
        if (e->skew_us > 0)
            metric_observe_ns(m->skew, e->skew_us * 1000);
        if (debug) {
            id_format(&e->id, id);
            log_debug("event_stored", "Log event processed", LOG_TEXT("id", id));
        }
    }
}

void meters_tell_last(struct meters *m)
{
    const struct meters_tally t = m->tally;
    if (t.batches == 0)
        return;
    m->tally = (struct meters_tally){.told_ns = clock_now_ns()};
    log_info("batch_stored", "Log event processed", LOG_INT("events", t.events),
             LOG_INT("duplicates", t.duplicates), LOG_INT("quarantined", t.quarantined),
             LOG_INT("messages", t.messages), LOG_INT("batches", t.batches),
             LOG_INT("us", t.slowest_us));
}

void meters_tell(struct meters *m)
{
    if (m->tally.told_ns == 0 || clock_now_ns() - m->tally.told_ns >= CLOCK_S)
        meters_tell_last(m);
}

static void count(struct meters_tally *t, const struct batch *b, const struct writer_result *r)
{
    const int64_t us = (clock_now_ns() - r->begun_ns) / 1000;
    t->batches++;
    t->events += (int64_t)r->stored;
    t->duplicates += (int64_t)r->duplicates;
    t->quarantined += (int64_t)r->quarantined;
    t->messages += (int64_t)b->deliveries.count;
    t->slowest_us = us > t->slowest_us ? us : t->slowest_us;
}

void meters_stored(struct meters *m, const struct batch *b, const struct writer_result *r)
{
    metric_add(m->stored, (int64_t)r->stored);
    metric_add(m->duplicates, (int64_t)r->duplicates);
    metric_add(m->conflicts, (int64_t)batch_count(b, BATCH_CONFLICT));
    metric_add(m->refused, (int64_t)batch_count(b, BATCH_DATA));
    metric_add(m->newer, (int64_t)b->newer);
    metric_add(m->unreadable, (int64_t)batch_count(b, BATCH_UNREADABLE));
    metric_observe_ns(m->commit_duration, r->commit_ns);
    metric_set(m->last_commit, clock_wall_us() / 1000000);
    measure_events(m, b);
    count(&m->tally, b, r);
    meters_tell(m);
}
