/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message taken from the queue: a copy of it, until it is acknowledged or sent back. The
 * subscriber makes it; the list of a lane, then a batch, owns it; settle.h has its tag.
 */
#ifndef HOLDFAST_CONSUMER_DELIVERY_H
#define HOLDFAST_CONSUMER_DELIVERY_H

#include "common/amqp/link.h"

enum delivery_form {
    DELIVERY_LINES,  /* one normalised event per line, from a producer */
    DELIVERY_NEWER,  /* the same, from a producer of a newer version */
    DELIVERY_OBJECT, /* one log message as JSON, from another program */
};

struct delivery {
    struct delivery *next; /* in the list it is on */
    uint64_t generation, tag;
    int64_t arrived_ns;
    bool redelivered;
    uint8_t lane; /* enum topology_lane */
    enum delivery_form form;
    struct slice message_id, body; /* in bytes; message_id.size 0 when it had none */
    struct slice reply_to;         /* in bytes; where its receipt goes to */
    uint64_t number;               /* for the receipt; 0: none is wanted */
    char bytes[];
};

struct delivery *delivery_create(const struct link_delivery *d); /* NULL: no memory */
size_t delivery_size(const struct delivery *d);                  /* bytes it keeps in memory */

/* First in, first out. All zero is an empty list. */
struct delivery_list {
    struct delivery *head, *tail;
    size_t count, bytes;
};

void delivery_list_add(struct delivery_list *list, struct delivery *d);
struct delivery *delivery_list_take(struct delivery_list *list); /* NULL when empty */
void delivery_list_clear(struct delivery_list *list);            /* frees them */

#endif
