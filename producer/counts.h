/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the events clients sent, as metrics. */
#ifndef HOLDFAST_PRODUCER_COUNTS_H
#define HOLDFAST_PRODUCER_COUNTS_H

#include <stddef.h>

enum count {
    COUNT_ACCEPTED,
    COUNT_INVALID_JSON,
    COUNT_INVALID_EVENT,
    COUNT_TOO_LARGE,
    COUNT_UNAVAILABLE,     /* the queue did not take them */
    COUNT_CONFIRM_TIMEOUT, /* the queue did not say */
    COUNT_KINDS,
};

void counts_register(void); /* before workers fork */
void count_events(enum count kind, size_t events);

#endif
