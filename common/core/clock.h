/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks. Durations and deadlines are int64_t nanoseconds of the monotonic clock; moments
 * are int64_t microseconds since 1970-01-01T00:00:00Z, the resolution of PostgreSQL's timestamptz.
 */
#ifndef HOLDFAST_CORE_CLOCK_H
#define HOLDFAST_CORE_CLOCK_H

#include "common/core/slice.h"

#define CLOCK_MS INT64_C(1000000)
#define CLOCK_S  INT64_C(1000000000)

/* Length of "2026-11-21T12:00:00.000000Z". */
#define CLOCK_TEXT_SIZE 27

int64_t clock_now_ns(void);  /* monotonic */
int64_t clock_wall_us(void); /* wall time */

/* The wall time at which the machine started, by its present wall clock: it changes only when that
 * clock is set. A machine that was suspended has not started anew. */
int64_t clock_epoch_us(void);

/* How long the machine was suspended since it started, while clock_now_ns stood still. */
int64_t clock_suspended_ns(void);

/* Writes CLOCK_TEXT_SIZE characters and a NUL. The year must be 0001 to 9999. */
void clock_format(int64_t wall_us, char out[CLOCK_TEXT_SIZE + 1]);

/*
 * RFC 3339, 'T', 't' or a space between date and time; without a zone it is UTC. Years 0001-9999
 * (after the zone is applied); digits past microseconds are cut; :60 is refused unless it is a
 * leap second's, and counts as the following second.
 */
MUST_CHECK bool clock_parse(struct slice text, int64_t *out_wall_us);

#endif
