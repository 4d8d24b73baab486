/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/session_scene.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/loop.h"
#include "tests/unit/unit.h"

static const char *needed(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        fail_msg("%s is not set", name);
    return value;
}

static void on_ready(void *arg)
{
    ((struct scene *)arg)->ready = true;
}

static void on_lost(void *arg, const struct session_fault *fault)
{
    struct scene *s = arg;
    print_message("lost: [%s] %s\n", fault->sqlstate, fault->message);
    s->ready = false;
    s->lost = true;
    s->lost_fault = *fault;
}

static int32_t only_value(const struct session_answer *a)
{
    uint32_t network = 0;
    if (session_rows(a) != 1 || session_value(a, 0, 0).size != sizeof network)
        return 0;
    memcpy(&network, session_value(a, 0, 0).data, sizeof network);
    return (int32_t)ntohl(network);
}

void scene_on_answer(void *arg, const struct session_answer *a)
{
    struct scene *s = arg;
    assert_false(s->answered);
    s->answered = true;
    s->ok = a->ok;
    s->affected = a->affected;
    s->value = a->ok ? only_value(a) : 0;
    s->fault = a->fault;
    snprintf(s->tag, sizeof s->tag, "%s", a->ok ? a->tag : "");
}

static void on_overdue(int fd, short what, void *arg)
{
    (void)fd, (void)what;
    ((struct scene *)arg)->overdue = true;
}

void scene_await(struct scene *s, const bool *until)
{
    s->overdue = false;
    evtimer_add(s->overdue_timer, &(struct timeval){.tv_sec = SCENE_DEADLINE_S});
    while (!*until && !s->overdue)
        event_base_loop(loop_base(s->loop), EVLOOP_ONCE);
    evtimer_del(s->overdue_timer);
    assert_true(*until);
}

long scene_beside(struct scene *s, const char *sql)
{
    PGresult *result = PQexec(s->beside, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(s->beside));
    const long value = PQntuples(result) > 0 ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return value;
}

void scene_call(struct scene *s, const struct session_call *calls)
{
    s->answered = false;
    session_call(s->session, calls, scene_on_answer, s);
    scene_await(s, &s->answered);
}

void scene_run(struct scene *s, const char *sql)
{
    s->answered = false;
    session_run(s->session, sql, scene_on_answer, s);
    scene_await(s, &s->answered);
}

void scene_copy(struct scene *s, const struct session_copy *copy)
{
    s->answered = false;
    session_copy(s->session, copy, scene_on_answer, s);
    scene_await(s, &s->answered);
}

void scene_succeeded(const struct scene *s, const char *tag)
{
    assert_string_equal(s->fault.message, "");
    assert_true(s->ok);
    assert_string_equal(s->tag, tag);
}

void scene_failed(const struct scene *s, const char *sqlstate)
{
    assert_false(s->ok);
    assert_string_equal(s->fault.sqlstate, sqlstate);
}

static PGconn *connect_beside(void)
{
    const char *const names[] = {"host", "port", "dbname", "user", "password", "sslmode", NULL};
    const char *const values[] = {needed("DATABASE_HOST"),
                                  needed("DATABASE_PORT"),
                                  needed("DATABASE_NAME"),
                                  needed("DATABASE_USER"),
                                  needed("DATABASE_PASSWORD"),
                                  "disable",
                                  NULL};
    PGconn *conn = PQconnectdbParams(names, values, 0);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

/* The server's own deadlines are longer than the scene's: none of them is the end of a wait. */
static struct session_options options(const struct session_statement *setup, size_t setup_count)
{
    return (struct session_options){
        .hosts = needed("DATABASE_HOST"),
        .port = (int)strtol(needed("DATABASE_PORT"), NULL, 10),
        .database = needed("DATABASE_NAME"),
        .user = needed("DATABASE_USER"),
        .password = needed("DATABASE_PASSWORD"),
        .sslmode = "disable",
        .sslrootcert = "",
        .name = "session_check",
        .command_timeout_ns = 10 * SCENE_DEADLINE_S * CLOCK_S,
        .setup = setup,
        .setup_count = setup_count,
    };
}

void scene_init(struct scene *s, const char *tables, const struct session_statement *setup,
                size_t setup_count)
{
    const struct session_handler handler = {.on_ready = on_ready, .on_lost = on_lost};
    alarm(SCENE_ALARM_S);
    *s = (struct scene){.loop = loop_create(), .options = options(setup, setup_count)};
    assert_non_null(s->loop);
    s->overdue_timer = evtimer_new(loop_base(s->loop), on_overdue, s);
    assert_non_null(s->overdue_timer);
    s->beside = connect_beside();
    scene_beside(s, tables);
    s->session = session_create(s->loop, &s->options, &handler, s);
    assert_non_null(s->session);
    scene_await(s, &s->ready);
}

void scene_finish(struct scene *s)
{
    session_destroy(s->session);
    PQfinish(s->beside);
    event_free(s->overdue_timer);
    loop_destroy(s->loop);
    alarm(0);
}
