/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command: sent, its COPY stream pushed, its results gathered until libpq says it is complete,
 * then answered once.
 *
 * COPY data goes out in pieces of at most 64 KiB, each flushed before the next, so that libpq's own
 * buffer stays small. While the socket takes no more libpq reads what the server sends, or both
 * ends would wait for each other; what it has read by itself raises no event, so every write is
 * followed by a look at the results. An error of the server in the middle of the stream is seen
 * after the stream's end: the server skips the rest of it.
 */
#include "common/pg/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/net/loop.h"
#include "common/pg/session_state.h"

#define CHUNK_SIZE ((size_t)64 * 1024)

void session_fault_of_result(struct session_fault *out, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    *out = (struct session_fault){.class = sqlstate_class(sqlstate, constraint)};
    snprintf(out->sqlstate, sizeof out->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    snprintf(out->message, sizeof out->message, "%s",
             message != NULL ? message : PQresultErrorMessage(result));
    snprintf(out->constraint, sizeof out->constraint, "%s", constraint != NULL ? constraint : "");
}

static bool is_error(const PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
           status == PGRES_NONFATAL_ERROR;
}

static bool has_rows(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_TUPLES_OK;
}

static void keep(struct session *s, PGresult *result)
{
    if (s->kept != NULL && is_error(s->kept)) {
        PQclear(result);
        return;
    }
    if (has_rows(s->kept)) {
        PQclear(s->rows);
        s->rows = s->kept;
    } else {
        PQclear(s->kept);
    }
    s->kept = result;
}

static void answer(struct session *s)
{
    PGresult *result = s->kept, *rows = s->rows;
    const session_answer_fn fn = s->fn;
    struct session_answer a = {.ok = result != NULL && !is_error(result),
                               .rows = has_rows(result) ? result : rows,
                               .tag = ""};
    s->kept = s->rows = NULL;
    s->fn = NULL;
    if (a.ok) {
        a.tag = PQcmdStatus(result);
        a.affected = strtoll(PQcmdTuples(result), NULL, 10);
    } else {
        session_fault_of_result(&a.fault, result);
    }
    evtimer_del(s->timer);
    s->state = SESSION_READY;
    fn(s->fn_arg, &a);
    PQclear(result);
    PQclear(rows);
}

size_t session_rows(const struct session_answer *a)
{
    return (size_t)PQntuples(a->rows);
}

struct slice session_value(const struct session_answer *a, size_t row, unsigned column)
{
    if (PQgetisnull(a->rows, (int)row, (int)column))
        return (struct slice){0};
    return (struct slice){PQgetvalue(a->rows, (int)row, (int)column),
                          (size_t)PQgetlength(a->rows, (int)row, (int)column)};
}

/* Sends what libpq has buffered; true when all is out. A failure shows when reading. */
static bool flush(struct session *s)
{
    if (PQflush(s->conn) != 1)
        return true;
    event_add(s->writable, NULL);
    return false;
}

/* Gives libpq the next piece of the stream, or its end; false when it does not take it now. */
static bool push_piece(struct session *s)
{
    struct slice *rest = &s->copy_rest;
    const char *fault = NULL;
    if (rest->size == 0 && !s->copy.next(s->copy.next_arg, rest)) {
        *rest = (struct slice){0};
        fault = "out of memory";
    }
    if (rest->size == 0) {
        s->copying = PQputCopyEnd(s->conn, fault) != 1;
        return !s->copying;
    }
    const size_t size = rest->size < CHUNK_SIZE ? rest->size : CHUNK_SIZE;
    if (PQputCopyData(s->conn, rest->data, (int)size) != 1)
        return false;
    *rest = (struct slice){rest->data + size, rest->size - size};
    return true;
}

/* Pushes COPY data until the socket is full or all of it is sent. */
static void push(struct session *s)
{
    while (s->copying && flush(s)) {
        if (!push_piece(s)) {
            event_add(s->writable, NULL);
            return;
        }
    }
    flush(s);
}

/* libpq is in the middle of something it cannot go on with, and is not asked for results again. */
static void abandon(struct session *s)
{
    event_del(s->readable);
    event_del(s->writable);
    session_drop(s, PQerrorMessage(s->conn));
}

static void end_pipeline(struct session *s)
{
    if (PQexitPipelineMode(s->conn) == 1)
        answer(s);
    else
        abandon(s);
}

/* Takes one result; false when there is nothing more to take now. NULL ends a command, which in a
 * pipeline is one of several. */
static bool take_result(struct session *s)
{
    const bool is_one = PQpipelineStatus(s->conn) == PQ_PIPELINE_OFF;
    PGresult *result = PQgetResult(s->conn);
    if (result == NULL && is_one)
        answer(s);
    if (result == NULL)
        return !is_one;
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_PIPELINE_SYNC && status != PGRES_COPY_IN) {
        keep(s, result);
        return true;
    }
    PQclear(result);
    if (status == PGRES_PIPELINE_SYNC) {
        end_pipeline(s);
        return false;
    }
    s->copying = true;
    push(s);
    return !s->copying;
}

static void receive(struct session *s)
{
    const bool alive = PQconsumeInput(s->conn) == 1;
    while (s->state == SESSION_BUSY && PQstatus(s->conn) == CONNECTION_OK && !s->copying &&
           !PQisBusy(s->conn) && take_result(s))
        ;
    if (alive && PQstatus(s->conn) == CONNECTION_OK)
        return;
    /* What the server said just before it hung up is the better reason. */
    if (s->kept != NULL && is_error(s->kept) && s->fault.message[0] == 0)
        session_fault_of_result(&s->fault, s->kept);
    session_lose(s, PQerrorMessage(s->conn));
}

void session_on_readable(int fd, short what, void *arg)
{
    loop_works();
    (void)fd, (void)what;
    receive(arg);
}

void session_on_writable(int fd, short what, void *arg)
{
    loop_works();
    struct session *s = arg;
    (void)fd, (void)what;
    if (s->copying)
        push(s);
    else
        flush(s);
    receive(s);
}

void session_begin(struct session *s, session_answer_fn fn, void *arg)
{
    assert(s->state == SESSION_READY && s->fn == NULL);
    s->fn = fn;
    s->fn_arg = arg;
    s->state = SESSION_BUSY;
    session_arm(s, s->options->command_timeout_ns);
}

void session_sent(struct session *s, int ok)
{
    if (ok == 1)
        flush(s);
    else
        abandon(s);
}

void session_run(struct session *s, const char *sql, session_answer_fn fn, void *arg)
{
    session_begin(s, fn, arg);
    session_sent(s, PQsendQuery(s->conn, sql));
}

void session_copy(struct session *s, const struct session_copy *copy, session_answer_fn fn,
                  void *arg)
{
    session_begin(s, fn, arg);
    s->copy = *copy;
    s->copy_rest = (struct slice){0};
    session_sent(s, PQsendQuery(s->conn, copy->sql));
}

static int send_call(struct session *s, const struct session_call *call)
{
    const char *values[SESSION_VALUES_MAX];
    int lengths[SESSION_VALUES_MAX];
    int formats[SESSION_VALUES_MAX];
    assert(call->count <= SESSION_VALUES_MAX);
    for (size_t i = 0; i < call->count; i++) {
        values[i] = call->values[i].data;
        lengths[i] = (int)call->values[i].size;
        formats[i] = 1;
    }
    return PQsendQueryPrepared(s->conn, call->name, (int)call->count, values, lengths, formats, 1);
}

void session_call(struct session *s, const struct session_call *calls, session_answer_fn fn,
                  void *arg)
{
    session_begin(s, fn, arg);
    int ok = PQenterPipelineMode(s->conn);
    for (; ok == 1 && calls->name != NULL; calls++)
        ok = send_call(s, calls);
    session_sent(s, ok == 1 ? PQpipelineSync(s->conn) : ok);
}
