/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of publisher: its counters and gauges. */
#ifndef HOLDFAST_PRODUCER_PUBLISHER_METRICS_H
#define HOLDFAST_PRODUCER_PUBLISHER_METRICS_H

struct metric;

struct publisher_metrics {
    struct metric *connected, *blocked, *reconnects, *unconfirmed, *events, *bytes;
    struct metric *confirm_duration, *nacked, *returned, *dropped;
};

struct publisher_metrics publisher_metrics_register(void);

#endif
