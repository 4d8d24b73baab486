/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each queue is seen to by itself and remembers by itself how. A refusal costs the channel, so a
 * run ends at the first one and the next run does better.
 *
 * Classic queues are declared bare, as programs before Holdfast declared theirs: they give up on
 * nothing, so they have no use for a dead letter queue.
 */
#include "common/amqp/topology.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/app/log.h"

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

void topology_leave_out(struct topology *t, enum topology_lane lane)
{
    t->mode[lane == TOPOLOGY_NORMAL ? TOPOLOGY_STEP_NORMAL : TOPOLOGY_STEP_URGENT] = TOPOLOGY_SKIP;
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

/* A login without rights is an ordinary one: a producer needs none on the queues. */
static void learn_rights(struct topology *t, bool only_looked)
{
    static const char *const news[] = {"no permission to declare the queue, using it as it is",
                                       "no permission to inspect the queue, using it as it is"};
    uint64_t held = 0;
    if (log_repeat_due(&t->denials[t->step], &held))
        log_info("queue_not_ours", news[only_looked], LOG_TEXT("queue", name_of(t, t->step)),
                 LOG_INT("held_back", held));
    t->mode[t->step] = only_looked ? TOPOLOGY_BLIND : TOPOLOGY_LOOK;
}

/* Where one is missing the others are too, most likely, and each look costs a channel. */
static void make_all(struct topology *t)
{
    t->made = true;
    t->mode[t->step] = TOPOLOGY_MAKE;
    for (unsigned step = 0; step < TOPOLOGY_STEPS; step++)
        if (t->mode[step] == TOPOLOGY_FIND)
            t->mode[step] = TOPOLOGY_MAKE;
}

static void tell_mismatch(struct topology *t, const struct link_answer *refusal)
{
    uint64_t held = 0;
    if (log_repeat_due(&t->mismatches, &held))
        log_error("queue_mismatch",
                  "the queue exists with arguments under which events could be lost, not using it: "
                  "remove or rename it, or set RABBITMQ_QUEUE_TYPE to its type",
                  LOG_TEXT("queue", name_of(t, t->step)), LOG_TEXT("reason", refusal->text),
                  LOG_INT("held_back", held));
}

static bool is_passive(const struct topology *t)
{
    const enum topology_mode mode = t->mode[t->step];
    return mode == TOPOLOGY_LOOK || (mode == TOPOLOGY_FIND && !t->seen);
}

static void learn(struct topology *t, const struct link_answer *refusal)
{
    const bool looked = t->mode[t->step] == TOPOLOGY_LOOK;
    const bool is_dead = t->step == TOPOLOGY_STEP_DEAD;
    if (refusal->code == NOT_FOUND && looked && is_dead)
        change(t, TOPOLOGY_SKIP, "no dead letter queue, going on without", refusal);
    else if (refusal->code == NOT_FOUND)
        make_all(t);
    else if (refusal->code == NO_RIGHT)
        learn_rights(t, is_passive(t));
    else if (refusal->code == NOT_THE_SAME && is_dead)
        change(t, TOPOLOGY_LOOK, "the dead letter queue has other arguments, using it as it is",
               refusal);
    else if (refusal->code == NOT_THE_SAME)
        tell_mismatch(t, refusal);
}

static void next_step(struct topology *t);

static void on_declared(void *arg, const struct link_answer *answer)
{
    struct topology *t = arg;
    if (!answer->ok) {
        learn(t, answer);
        t->fn(t->arg, answer);
        return;
    }
    const bool only_seen = t->mode[t->step] == TOPOLOGY_FIND && !t->seen;
    if (t->mode[t->step] == TOPOLOGY_MAKE) {
        t->mode[t->step] = TOPOLOGY_FIND;
        log_info("queue_made", "declared the queue, because it was missing",
                 LOG_TEXT("queue", name_of(t, t->step)));
    }
    t->seen = only_seen;
    t->step += only_seen ? 0 : 1;
    next_step(t);
}

static void next_step(struct topology *t)
{
    while (t->step < TOPOLOGY_STEPS && t->mode[t->step] >= TOPOLOGY_BLIND)
        t->step++;
    if (t->step == TOPOLOGY_STEPS) {
        log_repeat_reset(&t->mismatches);
        t->fn(t->arg, &(struct link_answer){.ok = true, .text = ""});
        return;
    }
    const bool is_lane = t->step != TOPOLOGY_STEP_DEAD;
    const struct link_queue q = {
        .name = name_of(t, t->step),
        .passive = is_passive(t),
        .quorum = t->quorum,
        .delivery_limit = t->quorum && is_lane ? DELIVERY_LIMIT : 0,
        .dead_letter_queue = t->quorum && is_lane ? t->dead : NULL,
    };
    link_declare_queue(t->link, &q, on_declared, t);
}

bool topology_has_made(struct topology *t)
{
    const bool made = t->made;
    t->made = false;
    return made;
}

void topology_look_again(struct topology *t)
{
    for (unsigned step = 0; step < TOPOLOGY_STEPS; step++)
        if (t->mode[step] == TOPOLOGY_BLIND)
            t->mode[step] = TOPOLOGY_MAKE;
}

void topology_declare(struct topology *t, struct link *l, link_answer_fn fn, void *arg)
{
    t->link = l;
    t->fn = fn;
    t->arg = arg;
    t->step = 0;
    t->seen = false;
    next_step(t);
}
