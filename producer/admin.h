/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and PUT /v1/admin/intake: an operator asks and says whether events are taken. The change is
 * itself an event, of the type intake_paused or intake_resumed; 200 says that the queue holds it.
 *
 * Who may: whoever has the key. Without a key this machine alone, and in production nobody.
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
    const char *key; /* "" = none */
    bool production;
    unsigned worker;
    struct pause *pause;
    struct outbox *outbox;
    struct publisher *publisher;
    struct requests *requests;
};

/* Before workers fork. */
void admin_add(struct admin *a, struct router *r);

#endif
