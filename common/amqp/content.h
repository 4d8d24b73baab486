/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message on its way in: method, header, body frames, put together. A body of one frame is lent
 * where it lies; only one of several frames is copied.
 */
#ifndef HOLDFAST_AMQP_CONTENT_H
#define HOLDFAST_AMQP_CONTENT_H

#include "common/amqp/link.h"
#include "common/amqp/wire.h"
#include "common/core/buffer.h"

/* More than any broker lets through by default (128 MiB). */
#define CONTENT_BODY_MAX (UINT64_C(256) << 20)

enum content_kind { CONTENT_NONE, CONTENT_DELIVERY, CONTENT_RETURN };

enum content_text {
    CONTENT_CONSUMER_TAG,
    CONTENT_ROUTING_KEY,
    CONTENT_CONTENT_TYPE,
    CONTENT_TYPE,
    CONTENT_MESSAGE_ID,
    CONTENT_REPLY_TO,
    CONTENT_CORRELATION_ID,
    CONTENT_TEXTS
};

struct content {
    enum content_kind kind;
    bool headed;   /* the header came; body frames follow */
    uint64_t size; /* of the body, when headed */
    uint64_t got;  /* of it */
    uint64_t tag;
    bool redelivered;
    int64_t version;
    struct buffer texts; /* one after the other, in the order of content_text */
    size_t text_size[CONTENT_TEXTS];
    struct buffer body;  /* of several frames */
    struct slice single; /* of one frame; lent with that frame */
};

enum content_status { CONTENT_MORE, CONTENT_WHOLE, CONTENT_BAD };

void content_finish(struct content *c);
void content_reset(struct content *c); /* done with it, or the channel is gone */

void content_begin_delivery(struct content *c, const amqp_basic_deliver_t *m);
void content_begin_return(struct content *c);
/* A header or body frame. */
MUST_CHECK enum content_status content_add(struct content *c, const struct wire_frame *f);

struct slice content_message_id(const struct content *c);
/* Lent until content_reset; without the generation. */
struct link_delivery content_delivery(const struct content *c);

#endif
