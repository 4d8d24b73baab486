/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpq tells no SQLSTATE for a failed connection. Asked to be verbose it puts it into the message
 * ("FATAL:  28P01: password …"), whatever language the server speaks, and from there it is taken.
 */
#include "cli/db.h"

#include "common/core/clock.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db {
    PGconn *connection;
    int64_t deadline_ns;
};

static void set_fault(struct db_fault *out, const char *sqlstate, const char *text)
{
    snprintf(out->sqlstate, sizeof out->sqlstate, "%s", sqlstate ? sqlstate : "");
    snprintf(out->text, sizeof out->text, "%s", text);
    for (char *p = out->text; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    for (size_t size = strlen(out->text); size > 0 && out->text[size - 1] == ' ';)
        out->text[--size] = '\0';
}

static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]))
            return false;
    return text[5] == ':' && text[6] == ' ';
}

/* "… FATAL:  28P01: words\nLOCATION: …" → "28P01" and "words". */
static void set_connect_fault(struct db_fault *out, const char *message)
{
    char words[sizeof out->text], sqlstate[6];
    const char *p = message;
    while ((p = strstr(p, ":  ")) && !is_sqlstate(p + 3))
        p += 3;
    if (!p) {
        set_fault(out, NULL, message);
        return;
    }
    snprintf(sqlstate, sizeof sqlstate, "%.5s", p + 3);
    snprintf(words, sizeof words, "%.*s", (int)strcspn(p + 10, "\n"), p + 10);
    set_fault(out, sqlstate, words);
}

/* Waits for what the socket is asked; false when the deadline passed. */
static bool wait_for(const struct db *d, short events)
{
    for (;;) {
        const int64_t left_ns = d->deadline_ns - clock_now_ns();
        if (left_ns <= 0)
            return false;
        struct pollfd p = {.fd = PQsocket(d->connection), .events = events};
        const int64_t left_ms = left_ns / CLOCK_MS + 1;
        const int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static bool finish_connect(struct db *d, struct db_fault *out_fault)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    PQsetErrorVerbosity(d->connection, PQERRORS_VERBOSE);
    while (PQstatus(d->connection) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        if (!wait_for(d, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
            set_fault(out_fault, NULL, "no answer from the server in time");
            return false;
        }
        state = PQconnectPoll(d->connection);
    }
    if (PQstatus(d->connection) == CONNECTION_OK)
        return true;
    set_connect_fault(out_fault, PQerrorMessage(d->connection));
    return false;
}

static void ignore_notice(void *arg, const PGresult *notice)
{
    (void)arg;
    (void)notice;
}

struct db *db_open(const struct config *c, const struct db_login *login, int64_t deadline_ns,
                   struct db_fault *out_fault)
{
    char port[24];
    snprintf(port, sizeof port, "%d", (int)c->database_port);
    const char *const names[] = {"host",
                                 "port",
                                 "dbname",
                                 "user",
                                 "password",
                                 "sslmode",
                                 "sslrootcert",
                                 "application_name",
                                 "client_encoding",
                                 "target_session_attrs",
                                 NULL};
    const char *const values[] = {c->database_host,
                                  port,
                                  login->database,
                                  login->user,
                                  login->password,
                                  c->database_sslmode,
                                  c->database_sslrootcert,
                                  "holdfast",
                                  "UTF8",
                                  "read-write",
                                  NULL};
    struct db *d = calloc(1, sizeof *d);
    if (!d || !(d->connection = PQconnectStartParams(names, values, 0))) {
        set_fault(out_fault, NULL, "out of memory");
        db_close(d);
        return NULL;
    }
    d->deadline_ns = deadline_ns;
    if (!finish_connect(d, out_fault)) {
        db_close(d);
        return NULL;
    }
    PQsetErrorVerbosity(d->connection, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(d->connection, ignore_notice, NULL);
    PQsetnonblocking(d->connection, 1);
    return d;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    PQfinish(d->connection);
    free(d);
}

void db_set_deadline(struct db *d, int64_t deadline_ns)
{
    d->deadline_ns = deadline_ns;
}

PGconn *db_connection(struct db *d)
{
    return d->connection;
}

static bool flush(struct db *d)
{
    int left;
    while ((left = PQflush(d->connection)) == 1)
        if (!wait_for(d, POLLIN | POLLOUT) || !PQconsumeInput(d->connection))
            return false;
    return left == 0;
}

static bool wait_for_result(struct db *d)
{
    while (PQisBusy(d->connection))
        if (!wait_for(d, POLLIN) || !PQconsumeInput(d->connection))
            return false;
    return true;
}

static void set_query_fault(const struct db *d, const PGresult *result, struct db_fault *out)
{
    const char *words = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (words)
        set_fault(out, PQresultErrorField(result, PG_DIAG_SQLSTATE), words);
    else if (clock_now_ns() >= d->deadline_ns)
        set_fault(out, NULL, "no answer from the server in time");
    else
        set_fault(out, NULL, PQerrorMessage(d->connection));
}

static bool is_success(const PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* All results are read, so that the connection is free again; the first failure is what is told. */
static PGresult *read_results(struct db *d, struct db_fault *out_fault)
{
    PGresult *last = NULL, *next = NULL;
    bool ok = true;
    while (wait_for_result(d)) {
        next = PQgetResult(d->connection);
        if (!next && ok && last)
            return last;
        if (!next)
            break;
        if (ok && !is_success(next)) {
            set_query_fault(d, next, out_fault);
            ok = false;
        }
        PQclear(last);
        last = next;
    }
    if (ok)
        set_query_fault(d, NULL, out_fault);
    PQclear(last);
    return NULL;
}

PGresult *db_query(struct db *d, const char *sql, const char *const *values, int count,
                   struct db_fault *out_fault)
{
    const int sent =
        count == 0 ? PQsendQuery(d->connection, sql)
                   : PQsendQueryParams(d->connection, sql, count, NULL, values, NULL, NULL, 0);
    if (!sent || !flush(d)) {
        set_query_fault(d, NULL, out_fault);
        return NULL;
    }
    return read_results(d, out_fault);
}

bool db_run(struct db *d, const char *sql, struct db_fault *out_fault)
{
    PGresult *result = db_query(d, sql, NULL, 0, out_fault);
    PQclear(result);
    return result != NULL;
}

struct db_login db_admin_login(const struct config *c, const char *database)
{
    if (c->database_admin_user[0])
        return (struct db_login){database, c->database_admin_user, c->database_admin_password};
    return (struct db_login){database, c->database_user, c->database_password};
}

bool db_is_away(const struct db_fault *f)
{
    return f->sqlstate[0] == '\0' || strncmp(f->sqlstate, "08", 2) == 0 ||
           strncmp(f->sqlstate, "57P", 3) == 0 || strcmp(f->sqlstate, "53300") == 0;
}

bool db_is_refusal(const struct db_fault *f)
{
    return strncmp(f->sqlstate, "28", 2) == 0;
}
