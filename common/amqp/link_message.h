/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over a link: messages published, their confirms, and messages delivered. */
#ifndef HOLDFAST_AMQP_LINK_MESSAGE_H
#define HOLDFAST_AMQP_LINK_MESSAGE_H

#include "common/core/slice.h"

/* Without AMQP's priority: what brokers make of it differs, and one of ours would be told apart
 * from a stranger's. */
struct link_message {
    const char *exchange, *routing_key; /* "" exchange = straight to the queue */
    bool mandatory, transient;
    const char *content_type, *type, *message_id, *reply_to, *correlation_id; /* NULL: left out */
    struct {
        const char *name; /* NULL: none */
        int32_t value;
    } header;
    struct slice body; /* copied into the socket's buffer before link_publish returns */
    void *context;     /* comes back with the confirm */
};

enum link_outcome {
    LINK_ACKED,
    LINK_NACKED,
    LINK_RETURNED, /* unroutable: basic.return came before the ack */
};

struct link_confirm { /* lent for the call */
    uint64_t tag;
    void *context; /* of the message */
    enum link_outcome outcome;
};

struct link_delivery { /* lent for the call */
    uint64_t generation, tag;
    bool redelivered;
    struct slice consumer_tag, routing_key;
    struct slice content_type, type, message_id, reply_to, correlation_id; /* empty when absent */
    int64_t version; /* header holdfast-version; 0 = absent */
    struct slice body;
};

#endif
