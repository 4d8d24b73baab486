/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /queue/status: how full the queues are, asked of the broker by passive declares on a link of
 * its own, because asking for a queue that is not there costs the channel. The link is opened when
 * somebody asks and closed when nobody does; an answer serves everybody for a second.
 */
#ifndef HOLDFAST_PRODUCER_STATUS_H
#define HOLDFAST_PRODUCER_STATUS_H

#include "common/core/buffer.h"

struct call;
struct link_options;
struct loop;
struct publisher;
struct status;
struct topology;

struct status_options { /* all lent */
    const struct link_options *link;
    const struct topology *topology;
    struct publisher *publisher;
};

struct status *status_create(struct loop *loop, const struct status_options *options);
void status_close(struct status *s, void (*fn)(void *arg),
                  void *arg);          /* says goodbye, then calls */
void status_destroy(struct status *s); /* nobody waits any more */

void status_answer(struct status *s, struct call *c); /* takes the call */
void status_refuse_all(struct status *s);             /* 503 to those who wait */

/* Asks anew when the last answer is old, and does not wait. */
void status_look(void *status);

/* {"events":…,"oldest_seconds":…}: accepted and not stored, as far as is known. */
void status_write_waiting(const struct status *s, struct buffer *out);

/* {"message_count":…,"consumer_count":…} of the last answer, nulls when there is none; asks anew
 * when it is old, and does not wait. */
void status_write_info(struct status *s, struct buffer *out);

#endif
