/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a lane of which the broker takes nothing is worth a new connection. A channel of RabbitMQ
 * 3.10 that published first while the node of the queue's leader was just dead goes on nacking what
 * the next leader would take; another channel does not. Where the queue itself refuses, by a limit
 * somebody has set, a new connection changes nothing: so each next one is waited for longer, up to
 * a minute, until something of the lane was taken.
 */
#ifndef HOLDFAST_PRODUCER_NACKS_H
#define HOLDFAST_PRODUCER_NACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/backoff.h"

/* Of one lane; all zero at first. */
struct nacks {
    int64_t since_ns; /* the first of them in a row; 0: the last message was taken */
    int64_t limit_ns; /* how long they may last */
    struct backoff patience;
};

void nacks_add(struct nacks *n, int64_t now_ns);
void nacks_end(struct nacks *n);  /* a message was taken, or returned */
void nacks_void(struct nacks *n); /* the connection is over */
bool nacks_are_too_many(const struct nacks *n, int64_t now_ns);

#endif
