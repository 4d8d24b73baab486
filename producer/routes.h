/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of the producer, and the way of a request with events from its head to the outbox.
 */
#ifndef HOLDFAST_PRODUCER_ROUTES_H
#define HOLDFAST_PRODUCER_ROUTES_H

#include "common/core/slice.h"

struct outbox;
struct pause;
struct publisher;
struct reading;
struct readings;
struct requests;
struct resends;
struct router;
struct status;

struct routes { /* the caller's memory; all lent, set before the first request */
    struct readings *readings;
    struct outbox *outbox;
    struct pause *pause;
    struct publisher *publisher;
    struct requests *requests;
    struct resends *resends;
    struct status *status;
};

void routes_on_read(void *routes, const struct reading *r); /* for the readings */

/* Before workers fork. */
void routes_add(struct routes *x, struct router *r);

#endif
