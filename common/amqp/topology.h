/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues, named in one place, and the steps that see to it that they exist. Storage goes
 * through the default exchange straight to a lane's queue; what a queue gives up on after a million
 * deliveries goes to `<queue>.dead`.
 */
#ifndef HOLDFAST_AMQP_TOPOLOGY_H
#define HOLDFAST_AMQP_TOPOLOGY_H

#include "common/amqp/link.h"
#include "common/base/log.h"

enum topology_lane { TOPOLOGY_NORMAL, TOPOLOGY_URGENT, TOPOLOGY_LANES };

/* In the order they are declared: a queue that names another as its dead letter queue comes later.
 */
enum topology_step { TOPOLOGY_STEP_DEAD, TOPOLOGY_STEP_NORMAL, TOPOLOGY_STEP_URGENT };
#define TOPOLOGY_STEPS 3

enum topology_mode {
    TOPOLOGY_FIND, /* look whether it is there, then declare it, to compare its arguments */
    TOPOLOGY_MAKE, /* it was not there: declare it */
    TOPOLOGY_LOOK, /* no right to declare it: used as it is */
    TOPOLOGY_SKIP, /* left out; or the dead letter queue, neither to be declared nor there */
};

struct topology {
    char queue[TOPOLOGY_LANES][256]; /* "log_queue", "log_queue.urgent" */
    char dead[256];                  /* "log_queue.dead" */
    bool quorum;
    enum topology_mode mode[TOPOLOGY_STEPS];
    struct log_repeat mismatches;

    /* The run under way. */
    struct link *link;
    link_answer_fn fn;
    void *arg;
    unsigned step;
    bool seen; /* the queue of this step is there; FIND goes on to declare it */
    bool made; /* a queue was made since topology_has_made */
};

/* The name has at most 248 bytes. */
void topology_init(struct topology *t, const char *queue_name, bool quorum);
void topology_leave_out(struct topology *t, enum topology_lane lane); /* not this one's business */

/*
 * Declares all of them on a ready link, then calls fn once: ok, or the first refusal. After a
 * refusal the channel is gone; the owner calls again from its next on_ready. One run at a time.
 *
 * 403 (no right to declare): the queue is used as it is; who took the right away vouches for it.
 * 406 (the queue exists with other arguments): refused again each time, with the broker's words. A
 * queue that is not durable, or drops what is too long or too old, must not be promised anything.
 */
void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg);

/* Whether a queue was made since this was asked last: it is not safe from a kill yet. */
bool topology_has_made(struct topology *t);

#endif
