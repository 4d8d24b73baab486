/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of a session, one at a time and only while it is ready. Each has a deadline of our own:
 * a stopped server's host keeps acknowledging bytes for ever. The answer comes once, from the loop,
 * unless the session is lost first; it is lent for the length of the call.
 */
#ifndef HOLDFAST_PG_COMMAND_H
#define HOLDFAST_PG_COMMAND_H

#include "common/pg/session.h"

struct session_answer {
    bool ok;
    struct session_fault fault; /* when not ok: the first error of the command */
    const char *tag;            /* of the last command: "COMMIT", "INSERT 0 5" */
    int64_t affected;           /* its number of rows */
    const void *rows; /* of the last command that had any; for session_rows and session_value */
};
typedef void (*session_answer_fn)(void *arg, const struct session_answer *answer);

/* SQL as it is, perhaps several commands: the last one answers. */
void session_run(struct session *s, const char *sql, session_answer_fn fn, void *arg);

/* Prepared statements, in one round trip: the last one answers, or the first that fails; those
 * behind that are not run. A call without a name ends them. Values in binary format, data NULL is
 * null; all is lent for the call. The columns of the answer are binary too. */
struct session_call {
    const char *name;
    const struct slice *values;
    size_t count; /* at most SESSION_VALUES_MAX */
};
#define SESSION_VALUES_MAX 16
void session_call(struct session *s, const struct session_call *calls, session_answer_fn fn,
                  void *arg);

/* SQL with one COPY … FROM STDIN in it, perhaps other commands around it. */
struct session_copy {
    const char *sql; /* lent for the call */
    /* The stream: its next bytes, lent until it is asked again, none at its end. False when memory
     * ran out; the command then fails. Asked until the answer, or until the session is lost. */
    bool (*next)(void *arg, struct slice *out);
    void *next_arg;
};
void session_copy(struct session *s, const struct session_copy *copy, session_answer_fn fn,
                  void *arg);

size_t session_rows(const struct session_answer *a);
struct slice session_value(const struct session_answer *a, size_t row, unsigned column);

#endif
