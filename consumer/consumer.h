/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumer: what stands between the intake and the writers. It makes batches of what waits,
 * gives each to a free writer, the stored ones to the feed, and what comes back from there to the
 * intake to be acknowledged. When a batch is begun: consumer.c.
 *
 * Life: consumer_create starts everything; consumer_drain ends it in good order and then calls
 * on_drained; consumer_destroy.
 */
#ifndef HOLDFAST_CONSUMER_CONSUMER_H
#define HOLDFAST_CONSUMER_CONSUMER_H

#include "common/core/slice.h"

struct catalog_choice;
struct config;
struct consumer;
struct loop;
struct probe_report;

/* NULL when memory ran out. The arguments are lent. */
struct consumer *consumer_create(struct loop *loop, const struct config *config,
                                 const struct catalog_choice *catalog);
void consumer_destroy(struct consumer *c);

/* Takes no more, commits and acknowledges what is in flight, sends back the rest. */
void consumer_drain(struct consumer *c, void (*on_drained)(void *arg), void *arg);

void consumer_report(void *consumer, struct probe_report *report); /* for probes */

#endif
