/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's metrics, registered once, used where the thing happens. */
#ifndef HOLDFAST_CONSUMER_METERS_H
#define HOLDFAST_CONSUMER_METERS_H

#include "common/amqp/topology.h"
#include "common/app/metrics.h"
#include "common/pg/sqlstate.h"

struct batch;
struct writer_result;

/* What was stored since the log told of it last. */
struct meters_tally {
    int64_t told_ns;
    int64_t batches, events, duplicates, quarantined, messages;
    int64_t slowest_us; /* from the begin of a transaction to its commit */
};

struct meters {
    struct metric *connected[TOPOLOGY_LANES], *reconnects, *delivered, *redelivered, *in_flight,
        *oldest_age, *held_bytes, *storing;
    struct metric *stored, *duplicates, *conflicts, *refused, *unreadable, *newer;
    struct metric *committed, *failed, *retries[SQLSTATE_CLASS_COUNT], *clock_skew;
    struct metric *commit_duration, *ack_duration, *batch_size, *latency, *skew, *last_commit;
    struct metric *database_up, *database_lost;
    struct metric *feed_connected, *feed_blocked, *feed_pending;
    struct meters_tally tally;
    struct metric *feed_published, *feed_unrouted, *feed_refused, *feed_dropped, *feed_cut;
};

void meters_register(struct meters *m);

/* A batch was committed. */
void meters_stored(struct meters *m, const struct batch *b, const struct writer_result *r);

/* The log line of what was stored; once a second at most, unless it is the last. */
void meters_tell(struct meters *m);
void meters_tell_last(struct meters *m);

#endif
