/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages after their confirm: consumers send receipts (common/amqp/receipt.h) for stored ones.
 * From these the producer knows how many events wait and for how long (waiting.h), and how far this
 * machine's clock is from the database's (reference.h). All zero at first; follow_finish.
 */
#ifndef HOLDFAST_PRODUCER_FOLLOW_H
#define HOLDFAST_PRODUCER_FOLLOW_H

#include "common/amqp/link.h"
#include "producer/reference.h"
#include "producer/waiting.h"

#define FOLLOW_LATE_S 60 /* an event that waits for longer is reported by /health */

struct probe_report;

struct follow {
    struct waiting waiting;
    struct reference reference;
    bool refused;                     /* the broker knows no direct reply-to: nothing is followed */
    int64_t doubted_ns;               /* when the queues were last asked for */
    int64_t suspended_ns, resumed_ns; /* for how long the machine was, and when that was noticed */
    void (*on_doubt)(void *arg);
    void *doubt_arg;
};

void follow_register(void); /* metrics, before workers fork */
void follow_finish(struct follow *f);

/* Whom to ask how full the queues are, when something is doubted. */
void follow_on_doubt(struct follow *f, void (*fn)(void *arg), void *arg);

void follow_open(struct follow *f, struct link *l); /* a new channel; before any publish on it */
/* The number of a message about to be published, and its text; 0: it is not followed. */
uint64_t follow_send(struct follow *f, const struct outbox_message *m,
                     char out_number[RECEIPT_NUMBER_SIZE]);
void follow_confirmed(struct follow *f, uint64_t number, enum link_outcome outcome);
void follow_receipt(struct follow *f, const struct link_delivery *d);
void follow_watch(struct follow *f); /* each second */

struct follow_waiting {
    int64_t events, oldest_s;
};
struct follow_waiting follow_waiting(const struct follow *f); /* of all workers */
void follow_report(struct follow *f, struct probe_report *report);

#endif
