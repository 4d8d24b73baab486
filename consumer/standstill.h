/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A standstill: nothing is stored, for whatever reason. Its cause is logged once, where it is
 * found; this module repeats it every 30 seconds as long as it lasts, so that a rotated log, or one
 * read from its end, shows it, too.
 *
 * All zero is no standstill. There is nothing to finish.
 */
#ifndef HOLDFAST_CONSUMER_STANDSTILL_H
#define HOLDFAST_CONSUMER_STANDSTILL_H

#include "common/app/log.h"

struct probes;

struct standstill {
    int64_t since_ns; /* 0: there is none */
    struct log_repeat told;
};

void standstill_look(struct standstill *s, bool storing, const struct probes *why);

#endif
