/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's metrics, registered once, used where the thing happens. */
#ifndef HOLDFAST_CONSUMER_METERS_H
#define HOLDFAST_CONSUMER_METERS_H

#include "common/base/metrics.h"
#include "common/pg/sqlstate.h"

struct meters {
    struct metric *connected, *reconnects, *delivered, *redelivered, *in_flight, *held_bytes;
    struct metric *stored, *duplicates, *conflicts, *refused, *unreadable;
    struct metric *committed, *failed, *retries[SQLSTATE_CLASS_COUNT];
    struct metric *commit_duration, *ack_duration, *batch_size, *latency, *skew, *last_commit;
    struct metric *database_up, *database_lost;
};

void meters_register(struct meters *m);

#endif
