/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/publisher_metrics.h"

#include "common/app/metrics.h"

struct publisher_metrics publisher_metrics_register(void)
{
    static const char failures[] = "publish_failures_total";
    static const char help[] = "Messages the broker refused.";
    return (struct publisher_metrics){
        .connected =
            metrics_gauge("amqp_connected", "", "Connections to the broker that can publish."),
        .blocked = metrics_gauge("broker_blocked", "", "Connections that the broker has blocked."),
        .reconnects =
            metrics_counter("amqp_reconnects_total", "", "Connections to the broker opened again."),
        .unconfirmed =
            metrics_gauge("publish_unconfirmed", "", "Messages waiting for the broker's confirm."),
        .events = metrics_gauge("outbox_events", "", "Events not yet confirmed."),
        .bytes = metrics_gauge("outbox_bytes", "", "Bytes of events not yet confirmed."),
        .nacked = metrics_counter(failures, "reason=\"nacked\"", help),
        .returned = metrics_counter(failures, "reason=\"returned\"", help),
        .dropped = metrics_counter(failures, "reason=\"dropped\"", help),
        .confirm_duration = metrics_latency("publish_confirm_duration_seconds", "",
                                            "From a message's publish to its confirm."),
    };
}
