/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link from inside. The path of a connection through the files: link.c (life, timers), dial.c
 * (name to socket), handshake.c (to the open channel), frames.c (what comes in), calls.c (what is
 * asked and said), state.c (every change of state, every way back).
 */
#ifndef HOLDFAST_AMQP_LINK_PRIVATE_H
#define HOLDFAST_AMQP_LINK_PRIVATE_H

#include "common/amqp/confirms.h"
#include "common/amqp/content.h"
#include "common/amqp/hosts.h"
#include "common/amqp/state.h"
#include "common/app/log.h"
#include "common/core/backoff.h"

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
    struct evbuffer *fed_in, *fed_out; /* owned; in place of a socket's (feed_attach) */
    struct wire wire;

    int64_t heartbeat_ns;        /* agreed; 0 = none */
    int64_t read_ns;             /* when something came last */
    int64_t wrote_ns;            /* when something was written last, by the tick */
    int64_t ready_ns;            /* since when READY */
    int64_t down_ns;             /* since when the log says that it is not open; 0 = says it is */
    bool wrote, paused, blocked; /* wrote: since the last tick */

    uint64_t generation;
    bool confirming; /* confirms are selected in this generation */
    struct confirms confirms;
    struct content content;
    struct call *calls; /* owned, in the order asked; only in READY */
};

/* Around all that the loop calls. After leave l may be gone. */
void link_enter(struct link *l);
void link_leave(struct link *l);

#endif
