/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a link, and the only functions that change them.
 */
#ifndef HOLDFAST_AMQP_STATE_H
#define HOLDFAST_AMQP_STATE_H

#include "common/amqp/link.h"

#define LINK_MAY(state) (1U << LINK_##state)
#define LINK_ENDS       (LINK_MAY(CLOSING) | LINK_MAY(CLOSED))
#define LINK_FALLS      (LINK_MAY(WAITING) | LINK_ENDS)

/* Each deadline covers all states marked KEPT that follow; WAITING and REOPENING end by backoff. */
#define LINK_DEADLINE_KEPT INT64_C(-1)
#define LINK_DEADLINE_NONE INT64_C(0)
#define LINK_OPEN_NS       (10 * CLOCK_S)
#define LINK_GOODBYE_NS    CLOCK_S
#define LINK_CALL_NS       (30 * CLOCK_S)

/* symbol, name, where it may go, deadline. */
#define LINK_STATES(X)                                                                             \
    X(WAITING, "waiting", LINK_MAY(RESOLVING) | LINK_ENDS, LINK_DEADLINE_NONE)                     \
    X(RESOLVING, "resolving", LINK_MAY(CONNECTING) | LINK_FALLS, LINK_OPEN_NS)                     \
    X(CONNECTING, "connecting", LINK_MAY(GREETING) | LINK_FALLS, LINK_DEADLINE_KEPT)               \
    X(GREETING, "greeting", LINK_MAY(TUNING) | LINK_FALLS, LINK_DEADLINE_KEPT)                     \
    X(TUNING, "tuning", LINK_MAY(OPENING) | LINK_FALLS, LINK_DEADLINE_KEPT)                        \
    X(OPENING, "opening", LINK_MAY(CHANNEL) | LINK_FALLS, LINK_DEADLINE_KEPT)                      \
    X(CHANNEL, "channel", LINK_MAY(READY) | LINK_MAY(REOPENING) | LINK_FALLS, LINK_OPEN_NS)        \
    X(READY, "ready", LINK_MAY(REOPENING) | LINK_FALLS, LINK_DEADLINE_NONE)                        \
    X(REOPENING, "reopening", LINK_MAY(CHANNEL) | LINK_FALLS, LINK_DEADLINE_NONE)                  \
    X(CLOSING, "closing", LINK_MAY(CLOSED), LINK_DEADLINE_NONE)                                    \
    X(CLOSED, "closed", 0, LINK_DEADLINE_NONE)

enum link_state {
#define X(symbol, name, next, deadline) LINK_##symbol,
    LINK_STATES(X)
#undef X
        LINK_STATE_COUNT
};

const char *link_state_name(enum link_state state);
unsigned link_state_next(enum link_state state); /* a set of LINK_MAY */
void link_set_state(struct link *l, enum link_state state, const char *why);
void link_timer_set(struct link *l, int64_t ns);

/* Why the link is not ready, for people. */
void link_set_reason(struct link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void link_say_last(struct link *l, uint32_t method, void *fields); /* before a link_drop */
/* The connection is over, for the reason given: tells the owner and comes back. */
void link_drop(struct link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The channel is over, the connection stays; `method` is what the broker refused. */
void link_drop_channel(struct link *l, const struct link_answer *refusal, uint32_t method);
void link_fault(struct link *l, const char *why); /* soon, from the loop: the connection is over */
void link_end_connection(struct link *l);         /* lets go of all that belongs to it */
void link_tuned(struct link *l);                  /* heartbeats begin */
void link_opened(struct link *l);                 /* the channel is open */
void link_wrote(struct link *l, bool ok);         /* after each wire_add_… */

#endif
