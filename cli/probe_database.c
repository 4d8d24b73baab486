/* SPDX-License-Identifier: Apache-2.0 */
/* Probes as DATABASE_USER, the login of the consumer, and reports what that login may not see. */
#include "cli/doctor.h"

#include "cli/migrate.h"
#include "common/core/clock.h"

#include <stdlib.h>
#include <string.h>

static void mend_connection(struct doctor *d, const struct db_fault *f)
{
    const struct config *c = d->config;
    if (db_is_refusal(f))
        report_mend(&d->report,
                    "set DATABASE_USER and DATABASE_PASSWORD (or DATABASE_PASSWORD_FILE); a new "
                    "one: ALTER ROLE \"%s\" PASSWORD '…'; else pg_hba.conf does not let it in",
                    c->database_user);
    else if (strcmp(f->sqlstate, "3D000") == 0)
        report_mend(&d->report,
                    "holdfast migrate --create-database --writer %s, or set DATABASE_NAME",
                    c->database_user);
    else if (strcmp(f->sqlstate, "42501") == 0)
        report_mend(&d->report, "holdfast migrate --writer %s", c->database_user);
    else if (strcmp(f->sqlstate, "53300") == 0)
        report_mend(&d->report, "raise max_connections, or end idle sessions");
    else if (db_is_away(f))
        report_mend(&d->report, "start PostgreSQL, or set DATABASE_HOST and DATABASE_PORT");
}

static void find_fault(struct doctor *d, const struct db_fault *f)
{
    report_find(&d->report, db_is_away(f) ? REPORT_AWAY : REPORT_FAILED, "%s%s%s%s", f->text,
                f->sqlstate[0] ? " (SQLSTATE " : "", f->sqlstate, f->sqlstate[0] ? ")" : "");
    mend_connection(d, f);
}

static bool connect_database(struct doctor *d)
{
    const struct config *c = d->config;
    const struct db_login login = {c->database_name, c->database_user, c->database_password};
    struct db_fault fault = {0};
    report_begin(&d->report, "database");
    d->db = db_open(c, &login, clock_now_ns() + d->timeout_ns, &fault);
    if (!d->db) {
        find_fault(d, &fault);
        return false;
    }
    report_find(&d->report, REPORT_OK, "%s at %s, user %s, PostgreSQL %s", c->database_name,
                c->database_host, c->database_user,
                PQparameterStatus(db_connection(d->db), "server_version"));
    return true;
}

static void find_migrations(struct doctor *d, const struct migrate_report *m)
{
    struct report *r = &d->report;
    if (m->of_state[MIGRATE_CHANGED] > 0 || m->of_state[MIGRATE_UNKNOWN] > 0) {
        report_find(r, REPORT_FAILED, "made by another version of holdfast");
        report_mend(r, "holdfast migrate status shows where they differ");
    } else if (m->of_state[MIGRATE_PENDING] > 0) {
        report_find(r, REPORT_FAILED, "%zu of %zu migrations are not applied",
                    m->of_state[MIGRATE_PENDING], m->count);
        report_mend(r, "holdfast migrate, as a role that may change the schema "
                       "(DATABASE_ADMIN_USER)");
    } else {
        report_find(r, REPORT_OK, "at version %zu", m->count);
    }
    d->is_migrated = m->of_state[MIGRATE_APPLIED] > 0 && m->of_state[MIGRATE_PENDING] == 0;
}

static void look_at_schema(struct doctor *d)
{
    struct migrate_report *m = calloc(1, sizeof *m);
    struct db_fault fault = {.text = "out of memory"};
    report_begin(&d->report, "schema");
    if (m && migrate_look(d->db, m, &fault))
        find_migrations(d, m);
    else
        find_fault(d, &fault);
    free(m);
}

/* One row of one text, or NULL with the fault told. */
static PGresult *ask(struct doctor *d, const char *sql)
{
    struct db_fault fault;
    PGresult *result = db_query(d->db, sql, NULL, 0, &fault);
    if (!result)
        find_fault(d, &fault);
    return result;
}

static void look_at_rights(struct doctor *d)
{
    report_begin(&d->report, "rights");
    PGresult *result =
        ask(d, "SELECT has_column_privilege('public.log_events', 'id', 'INSERT') AND "
               "has_column_privilege('public.event_keys', 'event_id', 'SELECT'), "
               "has_any_column_privilege('public.log_events', 'UPDATE') OR "
               "has_table_privilege('public.log_events', 'DELETE')");
    if (!result)
        return;
    if (PQgetvalue(result, 0, 0)[0] != 't') {
        report_find(&d->report, REPORT_FAILED, "%s may not store events", d->config->database_user);
        report_mend(&d->report, "holdfast migrate --writer %s", d->config->database_user);
    } else if (PQgetvalue(result, 0, 1)[0] == 't') {
        report_find(&d->report, REPORT_NOTE, "%s may store events, and far more than it needs",
                    d->config->database_user);
        report_mend(&d->report, "give the consumer a login of its own: holdfast migrate --writer "
                                "NAME");
    } else {
        report_find(&d->report, REPORT_OK, "%s may store events and change none",
                    d->config->database_user);
    }
    PQclear(result);
}

static void look_at_partitions(struct doctor *d)
{
    report_begin(&d->report, "partitions");
    PGresult *result =
        ask(d, "SELECT coalesce(string_agg(name, ', '), '') FROM (SELECT 'log_events_' || to_char("
               "now() AT TIME ZONE 'UTC' + make_interval(months => n), 'YYYY_MM') AS name "
               "FROM generate_series(0, 1) AS n) AS wanted "
               "WHERE to_regclass('public.' || name) IS NULL");
    if (!result)
        return;
    const char *missing = PQgetvalue(result, 0, 0);
    if (missing[0]) {
        report_find(&d->report, REPORT_FAILED, "%s missing", missing);
        report_mend(&d->report, "holdfast migrate makes them, and so does a running consumer");
    } else {
        report_find(&d->report, REPORT_OK, "this month and the next have theirs");
    }
    PQclear(result);
}

static void look_at_durability(struct doctor *d)
{
    report_begin(&d->report, "durability");
    PGresult *result =
        ask(d, "SELECT coalesce(string_agg(name, ', '), '') FROM pg_settings WHERE name IN "
               "('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'");
    if (!result)
        return;
    const char *off = PQgetvalue(result, 0, 0);
    if (off[0]) {
        report_find(&d->report, REPORT_FAILED, "%s off: a crash of the server loses events", off);
        report_mend(&d->report, "switch it on in postgresql.conf and reload");
    } else {
        report_find(&d->report, REPORT_OK, "fsync, full_page_writes, synchronous_commit are on");
    }
    PQclear(result);
}

/* Only a reader may count what is in quarantine. */
static void look_at_quarantine(struct doctor *d)
{
    PGresult *result =
        ask(d, "SELECT has_column_privilege('public.quarantine', 'state', 'SELECT')");
    const bool may = result && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!may)
        return;
    report_begin(&d->report, "quarantine");
    result = ask(d, "SELECT count(*) FROM public.quarantine WHERE state = 'new'");
    if (!result)
        return;
    const char *count = PQgetvalue(result, 0, 0);
    const bool empty = strcmp(count, "0") == 0;
    report_find(&d->report, empty ? REPORT_OK : REPORT_NOTE, "%s new entries", count);
    if (!empty)
        report_mend(&d->report, "SELECT * FROM quarantine WHERE state = 'new'");
    PQclear(result);
}

void probe_database(struct doctor *d)
{
    if (!connect_database(d))
        return;
    db_set_deadline(d->db, clock_now_ns() + d->timeout_ns);
    look_at_schema(d);
    look_at_durability(d);
    if (!d->is_migrated)
        return;
    look_at_rights(d);
    look_at_partitions(d);
    look_at_quarantine(d);
}
