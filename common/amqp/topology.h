/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the queues, and the steps that declare them. Events are published through the
 * default exchange to the queue of their lane; that queue dead-letters to `<queue>.dead`.
 */
#ifndef HOLDFAST_AMQP_TOPOLOGY_H
#define HOLDFAST_AMQP_TOPOLOGY_H

#include "common/amqp/link.h"
#include "common/app/log.h"

enum topology_lane { TOPOLOGY_NORMAL, TOPOLOGY_URGENT, TOPOLOGY_LANES };

/* In the order they are declared: a queue that names another for its dead letters comes later. */
enum topology_step { TOPOLOGY_STEP_DEAD, TOPOLOGY_STEP_NORMAL, TOPOLOGY_STEP_URGENT };
#define TOPOLOGY_STEPS 3

enum topology_mode {
    TOPOLOGY_FIND,  /* look whether it is there, then declare it, to compare its arguments */
    TOPOLOGY_MAKE,  /* it was not there: declare it */
    TOPOLOGY_LOOK,  /* no right to declare it: used as it is */
    TOPOLOGY_BLIND, /* no right to look either, since RabbitMQ 4.3: taken to be there */
    TOPOLOGY_SKIP,  /* left out; or the dead letter queue, neither to be declared nor there */
};

struct topology {
    char queue[TOPOLOGY_LANES][256]; /* "log_queue", "log_queue.urgent" */
    char dead[256];                  /* "log_queue.dead" */
    bool quorum;
    enum topology_mode mode[TOPOLOGY_STEPS];
    struct log_repeat mismatches, denials[TOPOLOGY_STEPS];

    struct link *link; /* of the run under way, as the rest */
    link_answer_fn fn;
    void *arg;
    unsigned step;
    bool seen; /* the queue of this step is there; FIND goes on to declare it */
    bool made; /* a queue was missing since topology_has_made */
};

void topology_init(struct topology *t, const char *queue_name, bool quorum); /* <= 248 bytes */
void topology_leave_out(struct topology *t, enum topology_lane lane); /* not this one's business */

/*
 * Declares all of them on a ready link, then calls fn once: ok, or the first refusal. After a
 * refusal the channel is gone; the owner calls again from its next on_ready. One run at a time.
 *
 * 403 (no permission to declare, or even to inspect): the queue is used as it is; whoever removed
 * the permission is responsible for its arguments. 406 (the queue exists with other arguments):
 * refused each time, with the broker's text: that queue may lose events (not durable, a limit).
 */
void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg);

/* Whether a queue was made, by anyone, since the last question: it is not safe from a kill yet. */
bool topology_has_made(struct topology *t);

/* A queue is not there after all: the next run declares those that could not be looked at. */
void topology_look_again(struct topology *t);

#endif
