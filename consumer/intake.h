/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake: a subscriber per lane, the deliveries that wait for a transaction, and the
 * acknowledgement of each. The bytes of a delivery are counted from its arrival until it is
 * acknowledged or sent back, and are bounded per lane.
 *
 * Life: intake_create starts to connect, closed. intake_end closes the links and calls
 * on_ended; then, or at any time, intake_destroy.
 */
#ifndef HOLDFAST_CONSUMER_INTAKE_H
#define HOLDFAST_CONSUMER_INTAKE_H

#include "consumer/subscriber.h"

struct intake;
struct probe_report;

struct intake_handler {
    void (*on_arrived)(void *arg); /* something waits */
    void (*on_lost)(void *arg);    /* a lane's deliveries of before are void and come again */
    void (*on_ended)(void *arg);
};

struct intake *intake_create(struct loop *loop, const struct subscriber_options *options,
                             const struct intake_handler *handler, void *arg); /* NULL: memory */
void intake_destroy(struct intake *in);
void intake_end(struct intake *in);

void intake_open(struct intake *in);
void intake_close(struct intake *in); /* what waits goes back to the queue */
bool intake_is_open(const struct intake *in);
/* Closes the lanes that have not been reading for so long that the broker may lose patience;
 * whether there were any. */
bool intake_close_stalled(struct intake *in);

void intake_show(const struct intake *in); /* the gauges that change with time alone */

bool intake_has(const struct intake *in, enum topology_lane lane);
/* Enough for a batch of the least size, or as much as the broker sends before acknowledgements. */
bool intake_has_plenty(const struct intake *in);
struct delivery *intake_take(struct intake *in, enum topology_lane lane);

/* Each ends the deliveries of the list, which stay the caller's. */
void intake_settle(struct intake *in, const struct delivery_list *list);    /* acknowledged */
void intake_send_back(struct intake *in, const struct delivery_list *list); /* to the queue */

/* `stores`: what could be taken could be stored; else it is right that nothing is. */
void intake_report(const struct intake *in, bool stores, struct probe_report *report);

#endif
