/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/connect.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/app/log.h"
#include "common/core/clock.h"

/* A dead peer is known within about 10 s, also in the middle of a write. No GSSAPI: its handshake
 * may ask the network by itself. */
#define FIXED_PARAMETERS(X)                                                                        \
    X("keepalives", "1")                                                                           \
    X("keepalives_idle", "5")                                                                      \
    X("keepalives_interval", "2")                                                                  \
    X("keepalives_count", "3")                                                                     \
    X("tcp_user_timeout", "10000")                                                                 \
    X("target_session_attrs", "read-write")                                                        \
    X("client_encoding", "UTF8")                                                                   \
    X("gssencmode", "disable")

PGconn *connect_start(const struct session_options *o, const char *hosts, const char *addresses)
{
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    const char *const names[] = {
#define X(name, value) name,
        FIXED_PARAMETERS(X)
#undef X
            "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "sslmode",
        "sslrootcert",
        "application_name",
        NULL};
    const char *const values[] = {
#define X(name, value) value,
        FIXED_PARAMETERS(X)
#undef X
            hosts,
        addresses,
        port,
        o->database,
        o->user,
        o->password,
        o->sslmode,
        o->sslrootcert,
        o->name,
        NULL};
    static_assert(sizeof names == sizeof values, "each name has its value");
    PGconn *conn = PQconnectStartParams(names, values, 0);
    if (conn != NULL)
        PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    return conn;
}

void connect_settings(const struct session_options *o, char out[CONNECT_SETTINGS_SIZE])
{
    const int64_t statement_ms = o->command_timeout_ns / CLOCK_MS * 2 / 3;
    const int written =
        snprintf(out, CONNECT_SETTINGS_SIZE,
                 "SET statement_timeout = %" PRId64 "; SET lock_timeout = %" PRId64 ";"
                 "SET idle_in_transaction_session_timeout = %" PRId64 ";"
                 "SET synchronous_commit = on; SET timezone = 'UTC'; SET datestyle = 'ISO';"
                 "SET search_path = public, pg_temp; SET client_min_messages = warning;"
                 "SELECT current_setting('fsync'), current_setting('full_page_writes')",
                 statement_ms, statement_ms / 2, o->command_timeout_ns / CLOCK_MS * 2);
    assert(written > 0 && written < CONNECT_SETTINGS_SIZE);
}

bool connect_check_durable(const struct session_options *o, const struct session_answer *a,
                           struct session_fault *out_fault)
{
    static bool told; /* once a process is loud enough */
    const bool fsync = slice_equals(session_value(a, 0, 0), SLICE("on"));
    const bool full_page_writes = slice_equals(session_value(a, 0, 1), SLICE("on"));
    if (fsync && full_page_writes)
        return true;
    if (o->durable) {
        *out_fault = (struct session_fault){.class = SQLSTATE_CONFIGURATION};
        snprintf(out_fault->message, sizeof out_fault->message,
                 "the server runs with %s off: a commit would not survive a power cut; turn it on",
                 fsync ? "full_page_writes" : "fsync");
        return false;
    }
    if (!told)
        log_error("database_not_durable",
                  "the database runs with fsync or full_page_writes off: committed events are lost "
                  "when its machine fails; turn both on");
    told = true;
    return true;
}

/* Finds the code in "FATAL:  28P01: password authentication failed …", whatever the language. */
static const char *find_sqlstate(const char *text)
{
    for (const char *p = strstr(text, ":  "); p != NULL; p = strstr(p + 1, ":  ")) {
        const char *code = p + 3;
        size_t size = 0;
        while (size < 5 &&
               (isdigit((unsigned char)code[size]) || isupper((unsigned char)code[size])))
            size++;
        if (size == 5 && code[5] == ':')
            return code;
    }
    return NULL;
}

void connect_fault_of_text(struct session_fault *out, const char *text)
{
    const char *code = find_sqlstate(text);
    *out = (struct session_fault){0};
    if (code != NULL)
        memcpy(out->sqlstate, code, 5);
    out->class = sqlstate_class(out->sqlstate, NULL);
    snprintf(out->message, sizeof out->message, "%.*s", (int)strcspn(text, "\n"), text);
    if (out->message[0] == 0)
        snprintf(out->message, sizeof out->message, "the connection was lost");
}
