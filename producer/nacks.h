/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to open a new connection because the broker nacks every message of a lane. On RabbitMQ 3.10
 * a channel that published first just after the node of the queue's leader died keeps nacking
 * messages that the next leader would accept; another channel does not. Where the queue itself
 * refuses, by a limit that an operator has set, a new connection changes nothing: so the pause
 * before each next one grows, up to a minute, until the broker accepts a message of the lane.
 */
#ifndef HOLDFAST_PRODUCER_NACKS_H
#define HOLDFAST_PRODUCER_NACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/backoff.h"

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
