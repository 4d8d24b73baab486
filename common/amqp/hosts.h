/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of brokers: "a,b:5673,[::1]:5672". Tried in order from a random start, so that many
 * clients of one cluster spread over its nodes; after a failure comes the next. A round is over
 * when each was tried since the last success.
 */
#ifndef HOLDFAST_AMQP_HOSTS_H
#define HOLDFAST_AMQP_HOSTS_H

#include "common/core/slice.h"

struct host {
    char name[256]; /* without brackets */
    uint16_t port;
    unsigned skip; /* addresses to pass over first: those before them did not answer in time */
};

struct hosts {
    struct host *list; /* owned */
    size_t count;
    size_t current;
    size_t tried; /* in this round */
};

/* False when an item is not a host or memory ran out; `out` can be finished either way. */
MUST_CHECK bool hosts_parse(const char *text, uint16_t port, struct hosts *out);
void hosts_finish(struct hosts *h);

void hosts_start_at(struct hosts *h, uint32_t random);
struct host *hosts_get(struct hosts *h); /* the current one */
bool hosts_advance(struct hosts *h);     /* true when that ends a round */
void hosts_succeeded(struct hosts *h);

#endif
