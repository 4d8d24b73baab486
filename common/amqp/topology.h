/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues and the exchange, named in one place, and the steps that see to it that they exist.
 * Storage goes through the default exchange straight to a lane's queue; what a queue gives up on
 * after a million deliveries goes to `<queue>.dead`.
 */
#ifndef HOLDFAST_AMQP_TOPOLOGY_H
#define HOLDFAST_AMQP_TOPOLOGY_H

#include "common/amqp/link.h"

enum topology_lane { TOPOLOGY_NORMAL, TOPOLOGY_URGENT, TOPOLOGY_LANES };

struct topology {
    char queue[TOPOLOGY_LANES][256]; /* "log_queue", "log_queue.urgent" */
    char dead[256];                  /* "log_queue.dead" */
    bool quorum;
    bool passive; /* only look: a declare was refused before (403, 406) */
};

void topology_init(struct topology *t, const char *queue_name, bool quorum);

/*
 * Declares all of them on a ready link, then calls fn once: ok, or the first refusal. After a
 * refusal the channel is gone; the owner calls again from its next on_ready. Refusals 403 (no
 * right to declare) and 406 (the queue exists with other arguments) turn the topology passive: the
 * existing queues are used as they are, and that is logged with the broker's words.
 */
struct topology_run; /* storage for one run, freed by itself */
void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg);

#endif
