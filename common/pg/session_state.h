/* SPDX-License-Identifier: Apache-2.0 */
/* What session.c (the connection's life) and command.c (one command on it) share; nobody else
 * includes it. */
#ifndef HOLDFAST_PG_SESSION_STATE_H
#define HOLDFAST_PG_SESSION_STATE_H

#include <libpq-fe.h>

#include "common/core/backoff.h"
#include "common/pg/command.h"

enum session_state {
    SESSION_DOWN,
    SESSION_RESOLVING,
    SESSION_CONNECTING,
    SESSION_SETTING_UP,
    SESSION_READY,
    SESSION_BUSY,
};

struct session {
    struct loop *loop;                     /* borrowed */
    const struct session_options *options; /* borrowed */
    struct session_handler handler;
    void *arg;
    enum session_state state;
    struct backoff backoff;
    struct resolve *resolve;    /* owned; in RESOLVING */
    size_t skip;                /* hosts that did not answer in time: the next try begins behind */
    PGconn *conn;               /* owned; from CONNECTING on */
    struct event *timer;        /* owned */
    struct event *readable;     /* owned; from CONNECTING on */
    struct event *writable;     /* owned; added while there is something to send */
    struct session_fault fault; /* why the connection is about to end; message "" when it is not */
    struct session_fault last;  /* why it ended last; cleared when ready again */
    bool renewing;              /* the connection is fine and ends all the same */
    size_t setup_next;          /* set-up statement in flight, past the last when done */

    /* The command in flight. */
    session_answer_fn fn;
    void *fn_arg;
    PGresult *kept; /* owned; its first error, else its last result */
    PGresult *rows; /* owned; the last one before that with rows, if any */
    struct session_copy copy;
    struct slice copy_rest; /* borrowed: of the stream, asked for and not given to libpq yet */
    bool copying;           /* the server has asked for the stream and its end was not sent */
};

void session_arm(struct session *s, int64_t delay_ns);
void session_begin(struct session *s, session_answer_fn fn, void *arg);
void session_sent(struct session *s, int ok); /* what PQsend… returned */
void session_on_readable(int fd, short what, void *arg);
void session_on_writable(int fd, short what, void *arg);
void session_fault_of_result(struct session_fault *out, const PGresult *result);

/* Ends the connection now, with s->fault or, when there is none, for this reason. */
void session_lose(struct session *s, const char *reason);

#endif
