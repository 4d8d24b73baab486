/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with a real server, and a second connection beside it, which makes the tables and looks
 * at what was stored. Every wait in the loop has a deadline; SIGALRM ends what does not come back
 * to the loop.
 *
 * The database is named by DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER and
 * DATABASE_PASSWORD; its user may make tables.
 */
#ifndef HOLDFAST_TESTS_SESSION_SCENE_H
#define HOLDFAST_TESTS_SESSION_SCENE_H

#include <libpq-fe.h>

#include "common/pg/command.h"

enum { SCENE_DEADLINE_S = 10, SCENE_ALARM_S = 25 };

struct scene {
    struct loop *loop;
    struct event *overdue_timer;
    struct session_options options;
    struct session *session;
    PGconn *beside;
    bool ready, lost, answered, overdue;
    struct session_fault lost_fault;
    bool ok; /* from here on of the last answer */
    char tag[32];
    int64_t affected;
    int32_t value; /* the only one, 0 when there are more or none */
    struct session_fault fault;
};

/* Makes what `tables` says, then a session that is ready, with these statements. */
void scene_init(struct scene *s, const char *tables, const struct session_statement *setup,
                size_t setup_count);
void scene_finish(struct scene *s);

void scene_await(struct scene *s, const bool *until);

/* What the second connection is answered: its first value, 0 when there is none. */
long scene_beside(struct scene *s, const char *sql);

/* The next command's answer goes to the scene. */
void scene_on_answer(void *arg, const struct session_answer *a);
void scene_call(struct scene *s, const struct session_call *calls);
void scene_run(struct scene *s, const char *sql);
void scene_copy(struct scene *s, const struct session_copy *copy);

void scene_succeeded(const struct scene *s, const char *tag);
void scene_failed(const struct scene *s, const char *sqlstate);

#endif
