/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading of bodies, small ones apart from large ones. A small body is read when it arrives.
 * The others wait in a queue for a reader of their own, which gets some time in each turn of the
 * loop, so that a small body does not wait for a large one. The queue has at most READINGS_WAIT_MAX
 * requests; further ones are answered 503.
 */
#ifndef HOLDFAST_PRODUCER_READINGS_H
#define HOLDFAST_PRODUCER_READINGS_H

#include "producer/ingest.h"
#include "producer/intake.h"

enum { READINGS_WAIT_MAX = 64 };

struct event_base;
struct readings;

struct reading { /* lent for the length of the call */
    const struct intake_request *request;
    const struct ingest *ingest;
    const struct ingest_body *body;
    const struct ingest_result *result;
};

struct readings_options {
    struct event_base *base;
    size_t body_bytes_max;
    struct ingest_limits limits;
    void (*on_read)(void *arg, const struct reading *r); /* takes the request's call */
    void *arg;
};

void readings_register(void); /* its metrics, before workers fork */
struct readings *readings_create(const struct readings_options *options); /* NULL: no memory */
void readings_destroy(struct readings *rs); /* when no request is left */

void readings_add(struct readings *rs, const struct intake_request *request); /* takes the call */

/* Answers all that wait with 503. */
void readings_refuse_all(struct readings *rs, const char *slug, const char *detail);

#endif
