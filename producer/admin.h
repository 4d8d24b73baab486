/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and PUT /v1/admin/intake: an operator asks and says whether events are taken. The change is
 * itself an event, of the type intake_paused or intake_resumed, and comes into force when the queue
 * holds that, however late; 200 says that it has. When several are on their way, the one asked for
 * last is in force in the end, in whatever order they come through.
 *
 * Who may: whoever has the key; without a key nobody. An address proves nothing: a proxy on this
 * machine has one of this machine too.
 */
#ifndef HOLDFAST_PRODUCER_ADMIN_H
#define HOLDFAST_PRODUCER_ADMIN_H

#include "common/base/slice.h"

struct outbox;
struct pause;
struct publisher;
struct requests;
struct router;

struct admin {       /* the caller's memory; all lent, set before the first request */
    const char *key; /* "" = nobody may */
    unsigned worker;
    struct pause *pause;
    struct outbox *outbox;
    struct publisher *publisher;
    struct requests *requests;
};

/* Before workers fork. */
void admin_add(struct admin *a, struct router *r);

#endif
