/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues, named in one place, and the steps that see to it that they exist. Storage goes
 * through the default exchange straight to a lane's queue; what a queue gives up on after a million
 * deliveries goes to `<queue>.dead`.
 */
#ifndef HOLDFAST_AMQP_TOPOLOGY_H
#define HOLDFAST_AMQP_TOPOLOGY_H

#include "common/amqp/link.h"

enum topology_lane { TOPOLOGY_NORMAL, TOPOLOGY_URGENT, TOPOLOGY_LANES };

/* In the order they are declared: a queue that names another as its dead letter queue comes later.
 */
enum topology_step { TOPOLOGY_STEP_DEAD, TOPOLOGY_STEP_NORMAL, TOPOLOGY_STEP_URGENT };
#define TOPOLOGY_STEPS 3

enum topology_mode {
    TOPOLOGY_DECLARE,
    TOPOLOGY_LOOK, /* a declare was refused: the queue is used as it is */
    TOPOLOGY_SKIP, /* neither to be declared nor there; only the dead letter queue */
};

struct topology {
    char queue[TOPOLOGY_LANES][256]; /* "log_queue", "log_queue.urgent" */
    char dead[256];                  /* "log_queue.dead" */
    bool quorum;
    enum topology_mode mode[TOPOLOGY_STEPS];

    /* The run under way. */
    struct link *link;
    link_answer_fn fn;
    void *arg;
    unsigned step;
};

/* The name has at most 248 bytes. */
void topology_init(struct topology *t, const char *queue_name, bool quorum);

/*
 * Declares all of them on a ready link, then calls fn once: ok, or the first refusal. After a
 * refusal the channel is gone; the owner calls again from its next on_ready. Refusals 403 (no
 * right to declare) and 406 (the queue exists with other arguments) make the next run only look at
 * that queue: it is used as it is, and that is logged with the broker's words.
 */
void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg);

#endif
