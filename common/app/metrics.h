/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms in Prometheus text format 0.0.4. All metrics are registered
 * before the workers fork; the values lie in memory the workers share, a row each, so a scrape
 * answered by any worker gives the sum over all of them, and no lock is needed.
 */
#ifndef HOLDFAST_APP_METRICS_H
#define HOLDFAST_APP_METRICS_H

#include "common/core/buffer.h"

struct metric; /* owned by the registry, lives as long as the process */

/* Room for `workers` rows. Call first. False when memory ran out. */
MUST_CHECK bool metrics_open(unsigned workers);

/*
 * `name` without the holdfast_ prefix, `labels` like `route="/log"` or "" - all lent for ever.
 * Rows of one name stand together in the order of registration. Never NULL: too many metrics is a
 * broken promise of ours and asserts.
 */
struct metric *metrics_counter(const char *name, const char *labels, const char *help);
struct metric *metrics_gauge(const char *name, const char *labels, const char *help);
/* In seconds; over workers the one farthest from 0 counts. */
struct metric *metrics_greatest(const char *name, const char *labels, const char *help);
/* Buckets: 0.1 ms doubling up to about 13 s, in seconds; made for latencies. */
struct metric *metrics_latency(const char *name, const char *labels, const char *help);
/* Buckets: 1, 2, 5, 10 … 1e6; made for sizes. */
struct metric *metrics_size(const char *name, const char *labels, const char *help);

/* In the child after fork: which row is ours. Worker 0 before. A restarted worker takes its old
 * row: counters go on, gauges are set to 0. */
void metrics_use_row(unsigned worker);

void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t value);     /* gauge; of a greatest, in ns */
void metric_observe_ns(struct metric *m, int64_t ns); /* latency */
void metric_observe(struct metric *m, int64_t value); /* size */
int64_t metric_value(const struct metric *m);         /* counter or gauge, this row only */
int64_t metric_of_all(const struct metric *m);        /* the same, as a scrape tells it */

/* The settings were read again, or not: the ones before stay in force. */
void metrics_config_read(bool good);

/* All metrics, with build_info and the standard process_* set of this process. */
void metrics_render(struct buffer *out);

#endif
