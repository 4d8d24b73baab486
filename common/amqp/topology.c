/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each queue is declared by itself and remembers by itself how: a queue somebody made with other
 * arguments must not keep the others from being made. A refusal costs the channel, so a run ends at
 * the first one and the next run does better.
 */
#include "common/amqp/topology.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"

/* From 4.0 on brokers drop a message after 20 deliveries, and a consumer that crashes in a loop
 * spends them for all it holds. A negative limit means none there but 0 on 3.x. */
#define DELIVERY_LIMIT 1000000

#define NOT_FOUND    404
#define NO_RIGHT     403
#define NOT_THE_SAME 406

void topology_init(struct topology *t, const char *queue_name, bool quorum)
{
    assert(strlen(queue_name) <= 248);
    *t = (struct topology){.quorum = quorum};
    snprintf(t->queue[TOPOLOGY_NORMAL], sizeof t->queue[0], "%.248s", queue_name);
    snprintf(t->queue[TOPOLOGY_URGENT], sizeof t->queue[0], "%.248s.urgent", queue_name);
    snprintf(t->dead, sizeof t->dead, "%.248s.dead", queue_name);
}

static const char *name_of(const struct topology *t, unsigned step)
{
    if (step == TOPOLOGY_STEP_DEAD)
        return t->dead;
    return t->queue[step == TOPOLOGY_STEP_NORMAL ? TOPOLOGY_NORMAL : TOPOLOGY_URGENT];
}

static void change(struct topology *t, enum topology_mode mode, const char *action,
                   const struct link_answer *refusal)
{
    t->mode[t->step] = mode;
    log_warning("queue_refused", action, LOG_TEXT("queue", name_of(t, t->step)),
                LOG_INT("code", refusal->code), LOG_TEXT("reason", refusal->text));
}

static void learn(struct topology *t, const struct link_answer *refusal)
{
    const enum topology_mode mode = t->mode[t->step];
    if (mode == TOPOLOGY_DECLARE && refusal->code == NOT_THE_SAME)
        change(t, TOPOLOGY_LOOK, "the queue exists with other arguments, using it as it is",
               refusal);
    else if (mode == TOPOLOGY_DECLARE && refusal->code == NO_RIGHT)
        change(t, TOPOLOGY_LOOK, "no right to declare the queue, using it if it exists", refusal);
    else if (mode == TOPOLOGY_LOOK && refusal->code == NOT_FOUND && t->step == TOPOLOGY_STEP_DEAD)
        change(t, TOPOLOGY_SKIP, "no dead letter queue, going on without", refusal);
    else if (mode == TOPOLOGY_LOOK && refusal->code == NOT_FOUND)
        change(t, TOPOLOGY_DECLARE, "the queue does not exist, trying to declare it", refusal);
}

static void next_step(struct topology *t);

static void on_declared(void *arg, const struct link_answer *answer)
{
    struct topology *t = arg;
    if (answer->ok) {
        t->step++;
        next_step(t);
        return;
    }
    learn(t, answer);
    t->fn(t->arg, answer);
}

static void next_step(struct topology *t)
{
    while (t->step < TOPOLOGY_STEPS && t->mode[t->step] == TOPOLOGY_SKIP)
        t->step++;
    if (t->step == TOPOLOGY_STEPS) {
        t->fn(t->arg, &(struct link_answer){.ok = true, .text = ""});
        return;
    }
    const struct link_queue q = {
        .name = name_of(t, t->step),
        .passive = t->mode[t->step] == TOPOLOGY_LOOK,
        .quorum = t->quorum,
        .delivery_limit = t->quorum && t->step != TOPOLOGY_STEP_DEAD ? DELIVERY_LIMIT : 0,
        .dead_letter_queue = t->step != TOPOLOGY_STEP_DEAD ? t->dead : NULL,
    };
    link_declare_queue(t->link, &q, on_declared, t);
}

void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg)
{
    t->link = l;
    t->fn = fn;
    t->arg = arg;
    t->step = 0;
    next_step(t);
}
