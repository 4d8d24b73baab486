/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of the events clients sent, as metrics. Those that were accepted are counted by type:
 * the types of the catalogue at the start have a place each, all others share one, so that a client
 * cannot make series.
 */
#ifndef HOLDFAST_PRODUCER_COUNTS_H
#define HOLDFAST_PRODUCER_COUNTS_H

#include "common/core/slice.h"

struct catalog;

enum count {
    COUNT_INVALID_JSON,
    COUNT_INVALID_EVENT,
    COUNT_TOO_LARGE,
    COUNT_UNAVAILABLE,     /* the queue did not take them */
    COUNT_CONFIRM_TIMEOUT, /* the queue did not say */
    COUNT_KINDS,
};

enum { COUNT_TYPES_MAX = 128 };

struct count_tally { /* of a request, by the place of the type */
    uint32_t events[COUNT_TYPES_MAX];
};

void counts_register(const struct catalog *types); /* before workers fork; lent for the call */
void count_rejected(enum count kind, size_t events);

unsigned count_place(struct slice type); /* of a type as the event names it, a JSON string */
void count_accepted(const struct count_tally *t);

#endif
