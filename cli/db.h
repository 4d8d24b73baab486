/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to PostgreSQL for a command: one statement after the other, each wait bounded by
 * the connection's deadline. (The daemons' connection, which lives in the event loop, is in
 * common/pg.)
 */
#ifndef HOLDFAST_CLI_DB_H
#define HOLDFAST_CLI_DB_H

#include "common/app/config.h"

#include <libpq-fe.h>

struct db;

struct db_fault {
    char sqlstate[6]; /* "" when it is not the server that refused: no connection, or too slow */
    char text[600];   /* one line, for people */
};

struct db_login { /* lent for the call */
    const char *database, *user, *password;
};

/* Host, port and TLS come from the settings. NULL with out_fault filled when it cannot be. */
struct db *db_open(const struct config *c, const struct db_login *login, int64_t deadline_ns,
                   struct db_fault *out_fault);
void db_close(struct db *d);

/* Until when later statements may take, on the monotonic clock. */
void db_set_deadline(struct db *d, int64_t deadline_ns);

/* One statement with text parameters, or several without. The last result, to be cleared by the
 * caller; NULL with out_fault filled when any failed. After a missed deadline only db_close is of
 * use. */
PGresult *db_query(struct db *d, const char *sql, const char *const *values, int count,
                   struct db_fault *out_fault);
/* As db_query, when nothing is asked back. */
MUST_CHECK bool db_run(struct db *d, const char *sql, struct db_fault *out_fault);

PGconn *db_connection(struct db *d); /* lent; for quoting and for the password's digest */

/* The name of the login a command uses that may change the database. */
struct db_login db_admin_login(const struct config *c, const char *database);

bool db_is_away(const struct db_fault *f);    /* no connection, starting, stopping, full */
bool db_is_refusal(const struct db_fault *f); /* wrong password or no right to log in */

#endif
