/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far this machine's wall clock is from a reference, PostgreSQL's. A reading is one question:
 * the reference reads its time at some moment between two times of our own clock, so our clock
 * minus the reference is between asked - told and answered - told. Within that interval the clock
 * counts as right: a slow answer proves little.
 *
 * Readings that agree narrow the interval. A reading that contradicts it replaces it: a clock
 * drifts, and either may have been set. A step of our own clock is seen without a new reading.
 *
 * All zero: nothing is known. There is nothing to finish.
 */
#ifndef HOLDFAST_CORE_SKEW_H
#define HOLDFAST_CORE_SKEW_H

#include "common/core/slice.h"

/* More is too much: what Kerberos usually tolerates (RFC 4120, 8.2), so what every machine of a
 * well-kept site stays below. */
#define SKEW_MAX_US (INT64_C(300) * 1000000)

/* Length of a skew in words, at the most. */
#define SKEW_TEXT_SIZE 63

struct skew {
    bool known;
    int64_t least_us, most_us; /* our clock minus the reference is between them, both included */
    int64_t epoch_us;          /* clock_epoch_us of then: its change is a step of our clock */
};

/* One that cannot be, because our clock was set back meanwhile, teaches nothing. */
void skew_learn(struct skew *s, int64_t reference_us, int64_t asked_us, int64_t answered_us);

/* How far our clock is ahead at the least, negative: behind; 0 when nothing is proved. */
int64_t skew_us(const struct skew *s);
bool skew_is_too_much(const struct skew *s);

/* "2 days 3 h behind the database's"; 0 is "as the database's". */
void skew_format(int64_t skew_us, char out[SKEW_TEXT_SIZE + 1]);

#endif
