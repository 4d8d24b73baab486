/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports to producers which of their messages are stored (common/amqp/receipt.h): the messages
 * stored within a tenth of a second are reported to an address in one small message, on a link of
 * its own, since under an alarm the broker stops reading from connections that publish, and
 * acknowledgements must not be stuck there. A receipt that cannot be sent is dropped: producers
 * cope with missing ones.
 *
 * Life: receipts_create starts to connect; receipts_end sends the receipts due, closes the link and
 * calls back; then, or at any time, receipts_destroy.
 */
#ifndef HOLDFAST_CONSUMER_RECEIPTS_H
#define HOLDFAST_CONSUMER_RECEIPTS_H

#include "consumer/delivery.h"

struct config;
struct loop;
struct receipts;

struct receipts *receipts_create(struct loop *loop, const struct config *config); /* NULL: memory */
void receipts_destroy(struct receipts *r);
void receipts_end(struct receipts *r, void (*on_ended)(void *arg), void *arg);

/* All of the list is stored, by the database's clock no later than then. */
void receipts_add(struct receipts *r, const struct delivery_list *list, int64_t database_us);

#endif
