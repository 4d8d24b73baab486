/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/meters.h"

#include <stdio.h>

static void register_broker(struct meters *m)
{
    static const char delivered[] = "Messages taken from the queue";
    m->connected = metrics_gauge("amqp_connected", "", "1 while the link to the broker is up");
    m->reconnects = metrics_counter("amqp_reconnects_total", "", "Links made after the first");
    m->delivered = metrics_counter("messages_delivered_total", "redelivered=\"false\"", delivered);
    m->redelivered = metrics_counter("messages_delivered_total", "redelivered=\"true\"", delivered);
    m->in_flight = metrics_gauge("in_flight_messages", "", "Messages held and not acknowledged");
    m->held_bytes = metrics_gauge("held_bytes", "", "Bytes of messages held in memory");
    m->ack_duration =
        metrics_latency("ack_duration_seconds", "", "From the delivery to its acknowledgement");
}

static void register_events(struct meters *m)
{
    static const char dead[] = "Events put into quarantine";
    m->stored = metrics_counter("events_stored_total", "", "Rows added to log_events");
    m->duplicates = metrics_counter("events_duplicate_total", "", "Events stored before");
    m->conflicts = metrics_counter("events_quarantined_total", "reason=\"conflict\"", dead);
    m->refused = metrics_counter("events_quarantined_total", "reason=\"data\"", dead);
    m->unreadable = metrics_counter("events_quarantined_total", "reason=\"unreadable\"", dead);
    m->batch_size = metrics_size("batch_size", "", "Events of one transaction");
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
        m->retries[c] =
            metrics_counter("db_retries_total", labels[c], "Failures of a batch, by their class");
    }
    m->commit_duration = metrics_latency("db_commit_duration_seconds", "", "What COMMIT took");
    m->last_commit =
        metrics_gauge("last_commit_timestamp_seconds", "", "When the last batch was committed");
    m->database_up = metrics_gauge("db_sessions_up", "", "Sessions with the database that are up");
    m->database_lost = metrics_counter("db_sessions_lost_total", "", "Sessions lost or not made");
}

void meters_register(struct meters *m)
{
    register_broker(m);
    register_events(m);
    register_database(m);
}
