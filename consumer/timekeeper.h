/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's clock compared with PostgreSQL's, which is the reference. A consumer whose clock
 * differs by more than SKEW_MAX_US stops consuming: messages of other programs would get its time,
 * and its log and metrics would mislead. The messages wait for another consumer, or for the clock.
 *
 * All zero: nothing is known yet, and nothing is wrong. There is nothing to finish.
 */
#ifndef HOLDFAST_CONSUMER_TIMEKEEPER_H
#define HOLDFAST_CONSUMER_TIMEKEEPER_H

#include "common/core/skew.h"

struct meters;
struct probe_report;

struct timekeeper {
    struct skew skew; /* learned by the writers */
    bool was_wrong;   /* when it was last looked at */
};

bool timekeeper_is_right(const struct timekeeper *t);
/* Once a second: the gauge, and the log when it changes. Whether the clock has just been put right.
 */
bool timekeeper_look(struct timekeeper *t, const struct meters *m);
void timekeeper_report(const struct timekeeper *t, struct probe_report *report);

#endif
