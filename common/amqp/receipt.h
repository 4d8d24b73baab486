/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receipt: what a consumer tells the producer of its messages, once they are stored. The body
 * is text, the database's time at a commit that covers all of them, then the messages' numbers:
 *
 *     2026-11-29T22:33:00.123456Z 12-40 43
 *
 * A number is the message's correlation_id; the address is its reply_to, which the broker makes of
 * RECEIPT_QUEUE (direct reply-to): it is the publisher's channel and dies with it. A receipt that
 * is lost does no harm.
 */
#ifndef HOLDFAST_AMQP_RECEIPT_H
#define HOLDFAST_AMQP_RECEIPT_H

#include "common/core/buffer.h"

#define RECEIPT_QUEUE        "amq.rabbitmq.reply-to"
#define RECEIPT_CONTENT_TYPE "text/plain"
#define RECEIPT_TYPE         "holdfast.stored"
#define RECEIPT_NUMBER_SIZE  24 /* of a number in digits, with its NUL */

struct receipt_range {
    uint64_t first, last; /* from 1, both included */
};

void receipt_write(struct buffer *out, int64_t database_us, const struct receipt_range *ranges,
                   size_t count);

/* Takes the time, then a range, off the text. False: there is none, or it is not one. */
MUST_CHECK bool receipt_take_time(struct slice *text, int64_t *out_database_us);
MUST_CHECK bool receipt_take_range(struct slice *text, struct receipt_range *out);

/* Of a message taken from a lane: where its receipt goes to and its number. False: nobody asked for
 * one. Any other address is a stranger's, and may be a queue. */
MUST_CHECK bool receipt_is_asked(struct slice reply_to, struct slice correlation_id,
                                 uint64_t *out_number);

#endif
