/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a session and what ends each:
 *
 *   DOWN        the timer of the backoff             -> RESOLVING
 *   RESOLVING   the addresses                        -> CONNECTING
 *   CONNECTING  libpq's handshake                    -> SETTING_UP
 *   SETTING_UP  BUSY and READY in turn, a set-up statement each; the last stays READY
 *   READY       a command                            -> BUSY
 *   BUSY        its answer, complete                 -> READY
 *
 * and from each of them a failure or the deadline -> DOWN. There is one timer: the backoff in DOWN,
 * the deadline elsewhere, off in READY. Losing the connection from inside somebody else's call is
 * put off to that timer, so that on_lost never comes from within a call into the session.
 */
#include "common/pg/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/pg/connect.h"
#include "common/pg/resolve.h"
#include "common/pg/session_state.h"

#define CONNECT_TIMEOUT_NS (10 * CLOCK_S)

static void set_up(struct session *s);

void session_arm(struct session *s, int64_t delay_ns)
{
    const struct timeval tv = {(time_t)(delay_ns / CLOCK_S),
                               (suseconds_t)(delay_ns % CLOCK_S / 1000)};
    evtimer_add(s->timer, &tv);
}

static void forget_events(struct session *s)
{
    if (s->readable != NULL)
        event_free(s->readable);
    if (s->writable != NULL)
        event_free(s->writable);
    s->readable = s->writable = NULL;
}

static void close_connection(struct session *s)
{
    resolve_abandon(s->resolve);
    forget_events(s);
    PQclear(s->kept);
    PQclear(s->rows);
    PQfinish(s->conn);
    s->resolve = NULL;
    s->kept = s->rows = NULL;
    s->conn = NULL;
    s->fn = NULL;
    s->copying = s->renewing = false;
}

/* What is wrong with the settings is not mended in a second: such a server is asked slowly. */
static void schedule_return(struct session *s)
{
    const bool slow = s->last.class == SQLSTATE_CONFIGURATION;
    s->backoff.base_ns = slow ? 5 * CLOCK_S : 100 * CLOCK_MS;
    s->backoff.cap_ns = slow ? 30 * CLOCK_S : 5 * CLOCK_S;
    session_arm(s, backoff_next(&s->backoff));
}

void session_lose(struct session *s, const char *reason)
{
    if (s->fault.message[0] == 0)
        connect_fault_of_text(&s->fault, reason);
    close_connection(s);
    s->last = s->fault;
    s->state = SESSION_DOWN;
    schedule_return(s);
    s->handler.on_lost(s->arg, &s->last);
}

void session_drop(struct session *s, const char *reason)
{
    if (s->fault.message[0] == 0)
        connect_fault_of_text(&s->fault, reason);
    session_arm(s, 0);
}

void session_renew(struct session *s)
{
    assert(s->state == SESSION_READY);
    s->renewing = true;
    session_arm(s, 0);
}

static void on_set_up(void *arg, const struct session_answer *a)
{
    struct session *s = arg;
    const bool first = s->setup_next == 0;
    if (!a->ok)
        s->fault = a->fault;
    if (!a->ok || (first && !connect_check_durable(s->options, a, &s->fault))) {
        session_arm(s, 0);
        return;
    }
    s->setup_next++;
    set_up(s);
}

static bool is_set_up(const struct session *s)
{
    return s->setup_next > s->options->setup_count;
}

static void run_setup(struct session *s, const struct session_statement *statement)
{
    if (statement->name == NULL) {
        session_run(s, statement->sql, on_set_up, s);
        return;
    }
    session_begin(s, on_set_up, s);
    session_sent(s, PQsendPrepare(s->conn, statement->name, statement->sql, 0, NULL));
}

static void set_up(struct session *s)
{
    char settings[CONNECT_SETTINGS_SIZE];
    s->state = SESSION_READY;
    if (is_set_up(s)) {
        backoff_reset(&s->backoff);
        s->last = (struct session_fault){0};
        s->handler.on_ready(s->arg);
    } else if (s->setup_next > 0) {
        run_setup(s, &s->options->setup[s->setup_next - 1]);
    } else {
        connect_settings(s->options, settings);
        session_run(s, settings, on_set_up, s);
    }
}

/* A FATAL that comes while nothing was asked (the server is told to stop) arrives as a notice. */
static void on_notice(void *arg, const PGresult *result)
{
    struct session *s = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        session_fault_of_result(&s->fault, result);
    else if (message != NULL)
        log_debug("session_notice", message);
}

static void connected(struct session *s)
{
    struct event_base *base = loop_base(s->loop);
    const int fd = PQsocket(s->conn);
    s->readable = event_new(base, fd, EV_READ | EV_PERSIST, session_on_readable, s);
    s->writable = event_new(base, fd, EV_WRITE, session_on_writable, s);
    PQsetNoticeReceiver(s->conn, on_notice, s);
    if (s->readable == NULL || s->writable == NULL || PQsetnonblocking(s->conn, 1) != 0) {
        session_lose(s, "out of memory");
        return;
    }
    event_add(s->readable, NULL);
    s->state = SESSION_SETTING_UP;
    s->setup_next = 0;
    set_up(s);
}

static void on_handshake(int fd, short what, void *arg);

/* libpq may move to another socket between two polls, so each gets a fresh event. */
static void await_handshake(struct session *s, short what)
{
    s->readable = event_new(loop_base(s->loop), PQsocket(s->conn), what, on_handshake, s);
    if (s->readable == NULL)
        session_lose(s, "out of memory");
    else
        event_add(s->readable, NULL);
}

static void on_handshake(int fd, short what, void *arg)
{
    loop_works();
    struct session *s = arg;
    (void)fd, (void)what;
    forget_events(s);
    const PostgresPollingStatusType status = PQconnectPoll(s->conn);
    if (status == PGRES_POLLING_OK)
        connected(s);
    else if (status == PGRES_POLLING_READING)
        await_handshake(s, EV_READ);
    else if (status == PGRES_POLLING_WRITING)
        await_handshake(s, EV_WRITE);
    else
        session_lose(s, PQerrorMessage(s->conn));
}

static void on_resolved(void *arg, const char *hosts, const char *addresses, const char *reason)
{
    struct session *s = arg;
    s->resolve = NULL;
    if (hosts == NULL) {
        session_lose(s, reason);
        return;
    }
    struct buffer names = {0}, numbers = {0};
    resolve_rotate(hosts, s->skip, &names);
    resolve_rotate(addresses, s->skip, &numbers);
    s->state = SESSION_CONNECTING;
    if (!names.failed && !numbers.failed)
        s->conn = connect_start(s->options, names.data, numbers.data);
    buffer_finish(&names);
    buffer_finish(&numbers);
    if (s->conn == NULL || PQstatus(s->conn) == CONNECTION_BAD)
        session_lose(s, s->conn != NULL ? PQerrorMessage(s->conn) : "out of memory");
    else
        await_handshake(s, EV_WRITE);
}

static void start(struct session *s)
{
    s->fault = (struct session_fault){0};
    s->state = SESSION_RESOLVING;
    session_arm(s, CONNECT_TIMEOUT_NS);
    s->resolve = resolve_start(s->loop, s->options->hosts, on_resolved, s);
    if (s->resolve == NULL)
        session_lose(s, "out of memory");
}

static void overdue(struct session *s)
{
    /* libpq would begin with the same silent host for ever. */
    s->skip += s->state == SESSION_CONNECTING;
    session_lose(s, s->state == SESSION_BUSY ? "no answer in time" : "no connection in time");
}

static void on_timer(int fd, short what, void *arg)
{
    loop_works();
    struct session *s = arg;
    const bool renewing = s->renewing;
    (void)fd, (void)what;
    if (renewing)
        close_connection(s);
    if (renewing || s->state == SESSION_DOWN)
        start(s);
    else
        overdue(s);
}

struct session *session_create(struct loop *loop, const struct session_options *options,
                               const struct session_handler *handler, void *arg)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct session){.loop = loop, .options = options, .handler = *handler, .arg = arg};
    s->timer = evtimer_new(loop_base(loop), on_timer, s);
    if (s->timer == NULL) {
        free(s);
        return NULL;
    }
    session_arm(s, 0);
    return s;
}

void session_destroy(struct session *s)
{
    if (s == NULL)
        return;
    close_connection(s);
    event_free(s->timer);
    free(s);
}
