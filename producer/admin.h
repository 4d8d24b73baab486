/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and PUT /v1/admin/intake: an operator reads and changes whether events are accepted. The
 * change is itself an event, of the type intake_paused or intake_resumed, and takes effect when
 * that event is confirmed, however late; 200 says that it is. Of several changes under way the one
 * requested last is in force in the end, in whatever order they are confirmed.
 *
 * Requests must carry the key; without a configured key the API is disabled. The client's address
 * proves nothing: a proxy on this machine has a local address too.
 */
#ifndef HOLDFAST_PRODUCER_ADMIN_H
#define HOLDFAST_PRODUCER_ADMIN_H

#include "common/core/slice.h"

struct outbox;
struct pause;
struct publisher;
struct requests;
struct router;

struct admin {       /* the caller's memory; all lent, set before the first request */
    const char *key; /* "" = disabled */
    unsigned worker;
    struct pause *pause;
    struct outbox *outbox;
    struct publisher *publisher;
    struct requests *requests;
};

/* Before workers fork. */
void admin_add(struct admin *a, struct router *r);

#endif
