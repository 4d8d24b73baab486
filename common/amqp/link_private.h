/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the link share. The path of a connection through them: link.c (states, timers,
 * the way back), dial.c (name to socket), handshake.c (to the open channel), frames.c (what comes
 * in), calls.c (questions and their answers).
 */
#ifndef HOLDFAST_AMQP_LINK_PRIVATE_H
#define HOLDFAST_AMQP_LINK_PRIVATE_H

#include "common/amqp/confirms.h"
#include "common/amqp/content.h"
#include "common/amqp/hosts.h"
#include "common/amqp/wire.h"
#include "common/base/backoff.h"
#include "common/base/log.h"

struct bufferevent;
struct dial;
struct event;

#define LINK_MAY(state) (1U << LINK_##state)
#define LINK_FALLS      (LINK_MAY(WAITING) | LINK_MAY(CLOSING) | LINK_MAY(CLOSED))

/* Each deadline covers all states marked KEPT that follow; WAITING and REOPENING end by backoff. */
#define LINK_DEADLINE_KEPT INT64_C(-1)
#define LINK_DEADLINE_NONE INT64_C(0)
#define LINK_OPEN_NS       (10 * CLOCK_S)
#define LINK_GOODBYE_NS    CLOCK_S
#define LINK_CALL_NS       (30 * CLOCK_S)

/* symbol, name, where it may go, deadline. */
#define LINK_STATES(X)                                                                             \
    X(WAITING, "waiting", LINK_MAY(RESOLVING) | LINK_FALLS, LINK_DEADLINE_NONE)                    \
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

struct call;

struct link {
    struct loop *loop; /* borrowed, outlives the link */
    struct link_options options;
    struct link_handler handler; /* emptied by link_close */
    void *arg;

    enum link_state state;
    char reason[512];    /* why it is not ready */
    char peer[280];      /* "host:port" */
    const char *fault;   /* found inside a public call; the loop drops the connection for it */
    unsigned depth;      /* entries from the loop under way; frees are put off until 0 */
    struct event *timer; /* deadline of the state, end of a backoff */
    struct event *tick;  /* heartbeats and overdue answers, while connected */
    struct event *kick;  /* does soon what must not be done inside a public call */

    struct hosts hosts;
    struct backoff reconnect, reopen;
    struct log_repeat failures;
    struct dial *dial;                 /* owned; NULL but in RESOLVING and CONNECTING */
    struct bufferevent *bev;           /* owned; NULL while there is no connection */
    struct bufferevent *old;           /* owned; broker said goodbye: kept while ours gets out */
    struct evbuffer *in, *out;         /* of bev, or the two below; NULL without a connection */
    struct evbuffer *fed_in, *fed_out; /* owned; in place of a socket's (link_attach) */
    struct wire wire;

    int64_t heartbeat_ns; /* agreed; 0 = none */
    int64_t read_ns;      /* when something came last */
    int64_t wrote_ns;     /* when something was written last, by the tick */
    bool wrote;           /* since the last tick */
    int64_t ready_ns;     /* since when READY */
    bool paused, blocked;

    uint64_t generation;
    bool confirming; /* confirms are selected in this generation */
    struct confirms confirms;
    struct content content;
    struct call *calls; /* owned, in the order asked; only in READY */
};

/* link.c */
const char *link_state_name(enum link_state state);
unsigned link_state_next(enum link_state state); /* a set of LINK_MAY */
void link_set_state(struct link *l, enum link_state state, const char *why);
/* The connection is over; tell the owner and come back. `why` may be l->reason. */
void link_drop(struct link *l, const char *why);
/* The channel is over, the connection stays. */
void link_drop_channel(struct link *l, const struct link_answer *refusal, uint32_t method);
void link_fault(struct link *l, const char *why); /* from inside public calls */
void link_is_open(struct link *l);                /* the channel is open */
void link_became_tuned(struct link *l);           /* heartbeats begin */
void link_wrote(struct link *l, bool ok);         /* after each wire_add_… */
void link_enter(struct link *l);
void link_leave(struct link *l); /* l may be gone afterwards */
void link_timer_set(struct link *l, int64_t ns);
/* The broker's answer in words: "<what>: <code> <text>" to l->reason. */
void link_refused(struct link *l, const char *what, int code, amqp_bytes_t text);

/* dial.c */
void dial_start(struct link *l);
void dial_stop(struct link *l);    /* harmless when none */
void dial_overdue(struct link *l); /* next time begin with another address */

/* handshake.c */
void handshake_start(struct link *l);
void handshake_method(struct link *l, const struct wire_frame *f);
void handshake_open_channel(struct link *l);

/* frames.c */
void frames_read(struct link *l);

/* calls.c */
bool calls_answer(struct link *l, const struct wire_frame *f); /* false: nobody asked */
/* The call that `method` made gets the refusal, the others hear that the link was lost. */
void calls_fail(struct link *l, const struct link_answer *refusal, uint32_t method);
void calls_drop(struct link *l); /* in silence */
bool calls_overdue(const struct link *l, int64_t now_ns);

/* For tests and fuzzing: a link without a socket. After link_attach the handshake begins; bytes of
 * the broker go in by link_feed, and what the link says lies in l->out. */
MUST_CHECK bool link_attach(struct link *l);
void link_feed(struct link *l, const void *data, size_t size);

#endif
