/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of requests that ended without a 2xx. Their sender may send them again, in another
 * request and beside others, while the broker may have stored the first: so a record that says the
 * same as one remembered here takes its id, and the consumer stores one of the two. What was
 * answered 2xx is not here, and an equal record after it is another one.
 *
 * The memory is the process's own, and bounded: when it is full the record that has been there
 * longest is forgotten, and is forgotten after RESENDS_KEPT_NS anyway; sent again then, it is
 * stored again.
 */
#ifndef HOLDFAST_PRODUCER_RESENDS_H
#define HOLDFAST_PRODUCER_RESENDS_H

#include "common/core/clock.h"
#include "common/event/event.h"

#define RESENDS_KEPT_NS (3600 * CLOCK_S)

enum { RESENDS_MOST = 65536 };

struct resend {
    uint8_t said[EVENT_SAID_SIZE];
    struct id id;
    bool again; /* it was remembered; another is only once it is sent */
};

/* Of one request; all zero is an empty one. */
struct resend_list {
    struct resend *items; /* owned */
    size_t count, capacity;
};

MUST_CHECK bool resend_list_add(struct resend_list *l, const struct resend *r); /* false: memory */
void resend_list_finish(struct resend_list *l); /* frees; leaves an empty list */

struct resends;

void resends_register(void);                 /* its metrics, before workers fork */
struct resends *resends_create(size_t most); /* NULL: no memory */
void resends_destroy(struct resends *r);

/* The id of one that says this, which is then no longer here. */
bool resends_take(struct resends *r, const uint8_t said[EVENT_SAID_SIZE], int64_t now_ns,
                  struct id *out);

void resends_keep(struct resends *r, const struct resend_list *l, int64_t now_ns);
/* Of a request that was not sent: only what had been here. */
void resends_put_back(struct resends *r, const struct resend_list *l, int64_t now_ns);

#endif
