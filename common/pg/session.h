/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with PostgreSQL that never blocks: libpq, non-blocking, in the event loop. It connects,
 * sets itself up (settings, temporary tables, prepared statements) and comes back by itself with
 * jittered backoff; there is no other place that reconnects.
 *
 * Life: session_create starts connecting at once; session_destroy calls back no more. Callbacks
 * must not destroy the session. What it is asked is in command.h.
 */
#ifndef HOLDFAST_PG_SESSION_H
#define HOLDFAST_PG_SESSION_H

#include "common/core/slice.h"
#include "common/pg/sqlstate.h"

struct loop;
struct session;

struct session_statement {
    const char *name, *sql; /* name NULL: run once as it is, may be several commands */
};

struct session_options { /* all lent for the life of the session */
    const char *hosts;   /* "a,b" or the folder of a Unix socket */
    int port;
    const char *database, *user, *password, *sslmode, *sslrootcert;
    const char *name;           /* application_name */
    bool durable;               /* refuse a server whose commits do not survive a power cut */
    int64_t command_timeout_ns; /* ns; the server's own statement_timeout is two thirds of it */
    const struct session_statement *setup; /* run or prepared on each new connection, in order */
    size_t setup_count;
};

struct session_fault {
    enum sqlstate_class class;
    char sqlstate[6];    /* "" when the server did not say */
    char message[256];   /* the server's or libpq's words, one line */
    char constraint[64]; /* "" when none */
};

struct session_handler {
    void (*on_ready)(void *arg);
    void (*on_lost)(void *arg, const struct session_fault *fault); /* or could not be made */
};

struct session *session_create(struct loop *loop, const struct session_options *options,
                               const struct session_handler *handler, void *arg);
void session_destroy(struct session *s); /* NULL is fine */

/* Gives up the connection, e.g. when its state is in doubt; on_lost follows, later. */
void session_drop(struct session *s, const char *reason);
/* Makes the connection anew, soon, as a matter of course: on_ready follows, nothing may be asked
 * until then. libpq's buffers never shrink. */
void session_renew(struct session *s);

#endif
