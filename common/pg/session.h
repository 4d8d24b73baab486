/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with PostgreSQL that never blocks: libpq, non-blocking, in the event loop. It connects,
 * sets itself up (settings, temporary tables, prepared statements) and comes back by itself with
 * jittered backoff; there is no other place that reconnects.
 *
 * One command at a time, each with a deadline of our own: a stopped server's host keeps
 * acknowledging bytes for ever. on_lost voids the command in flight: its answer is not called.
 *
 * Life: session_create starts connecting at once; session_destroy calls back no more. Callbacks
 * must not destroy the session. A reply is lent for the length of the call.
 */
#ifndef HOLDFAST_PG_SESSION_H
#define HOLDFAST_PG_SESSION_H

#include "common/base/slice.h"
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
    const char *name;        /* application_name */
    bool durable;            /* refuse a server whose commits do not survive a power cut */
    int64_t command_timeout; /* ns; the server's own statement_timeout is two thirds of it */
    const struct session_statement *setup; /* run or prepared on each new connection, in order */
    size_t setup_count;
};

struct session_fault {
    enum sqlstate_class class;
    char sqlstate[6];    /* "" when the server did not say */
    char message[256];   /* the server's or libpq's words, one line */
    char constraint[64]; /* "" when none */
};

struct session_answer {
    bool ok;
    struct session_fault fault; /* when not ok: the first error of the command */
    const char *tag;            /* of the last command: "COMMIT", "INSERT 0 5" */
    int64_t affected;           /* its number of rows */
    const void *rows;           /* for session_rows and session_value */
};
typedef void (*session_answer_fn)(void *arg, const struct session_answer *answer);

struct session_handler {
    void (*on_ready)(void *arg);
    void (*on_lost)(void *arg, const struct session_fault *fault); /* or could not be made */
};

struct session *session_create(struct loop *loop, const struct session_options *options,
                               const struct session_handler *handler, void *arg);
void session_destroy(struct session *s); /* NULL is fine */

bool session_is_ready(const struct session *s); /* connected and no command in flight */
const struct session_fault *session_fault(const struct session *s); /* of the last loss */

/* Commands: only while ready. */
void session_run(struct session *s, const char *sql, session_answer_fn fn, void *arg);

/* A prepared statement. Values in binary format, data NULL is null; lent for the call. The columns
 * of the answer are binary too. */
struct session_call {
    const char *name;
    const struct slice *values;
    size_t count; /* at most SESSION_VALUES_MAX */
};
#define SESSION_VALUES_MAX 16
void session_call(struct session *s, const struct session_call *call, session_answer_fn fn,
                  void *arg);

/* SQL with one COPY … FROM STDIN in it, perhaps other commands around it. The pieces make up the
 * stream; they and their array are lent until the answer. */
struct session_copy {
    const char *sql;
    const struct slice *pieces;
    size_t count;
};
void session_copy(struct session *s, const struct session_copy *copy, session_answer_fn fn,
                  void *arg);

/* Gives up the connection, e.g. when its state is in doubt; on_lost follows, later. */
void session_drop(struct session *s, const char *reason);

size_t session_rows(const struct session_answer *a);
struct slice session_value(const struct session_answer *a, size_t row, unsigned column);

#endif
