/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/migrate.h"

#include "cli/roles.h"
#include "common/core/clock.h"
#include "schema/migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both numbers are ours alone: "Hold" and which of its locks. Anybody who may connect can take it,
 * for it must work before there is a table: so a wait tells who holds it. */
#define LOCK_KEYS "(1215261796, 1)"

/* Long enough to index a big table, short enough that a hung server is noticed. */
#define WORK_NS (INT64_C(3600) * CLOCK_S)

static const struct schema_migration *find_migration(unsigned version)
{
    for (size_t i = 0; i < schema_migration_count; i++)
        if (schema_migrations[i].version == version)
            return &schema_migrations[i];
    return NULL;
}

static void add_row(struct migrate_report *report, const struct migrate_row *row)
{
    if (report->count == MIGRATE_ROWS_MAX)
        return;
    report->row[report->count++] = *row;
    report->of_state[row->state]++;
}

static void add_applied(struct migrate_report *report, const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        struct migrate_row row = {.version = (unsigned)strtoul(PQgetvalue(rows, i, 0), NULL, 10)};
        const struct schema_migration *known = find_migration(row.version);
        snprintf(row.name, sizeof row.name, "%s", PQgetvalue(rows, i, 1));
        snprintf(row.applied_at, sizeof row.applied_at, "%s", PQgetvalue(rows, i, 3));
        row.state = !known                                               ? MIGRATE_UNKNOWN
                    : strcmp(known->sha256, PQgetvalue(rows, i, 2)) != 0 ? MIGRATE_CHANGED
                                                                         : MIGRATE_APPLIED;
        add_row(report, &row);
    }
}

static bool is_applied(const struct migrate_report *report, unsigned version)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->row[i].version == version && report->row[i].state != MIGRATE_PENDING)
            return true;
    return false;
}

static void add_pending(struct migrate_report *report)
{
    for (size_t i = 0; i < schema_migration_count; i++) {
        struct migrate_row row = {.version = schema_migrations[i].version,
                                  .state = MIGRATE_PENDING};
        snprintf(row.name, sizeof row.name, "%s", schema_migrations[i].name);
        if (!is_applied(report, row.version))
            add_row(report, &row);
    }
}

bool migrate_look(struct db *d, struct migrate_report *out, struct db_fault *out_fault)
{
    PGresult *found = db_query(d, "SELECT to_regclass('public.schema_migrations') IS NOT NULL",
                               NULL, 0, out_fault);
    if (!found)
        return false;
    const bool exists = PQgetvalue(found, 0, 0)[0] == 't';
    PQclear(found);
    *out = (struct migrate_report){0};
    if (exists) {
        PGresult *rows = db_query(d,
                                  "SELECT version, name, sha256, to_char(applied_at AT TIME ZONE "
                                  "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                                  "FROM public.schema_migrations ORDER BY version",
                                  NULL, 0, out_fault);
        if (!rows)
            return false;
        add_applied(out, rows);
        PQclear(rows);
    }
    add_pending(out);
    return true;
}

static void set_fault(struct db_fault *out, const char *sqlstate, const struct migrate_row *row,
                      const char *words)
{
    snprintf(out->sqlstate, sizeof out->sqlstate, "%s", sqlstate);
    snprintf(out->text, sizeof out->text, "migration %04u_%s %s", row->version, row->name, words);
}

/* 42P17 (invalid object definition) stands for "this database was made otherwise". */
static bool check_history(const struct migrate_report *report, struct db_fault *out_fault)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct migrate_row *row = &report->row[i];
        if (row->state == MIGRATE_CHANGED) {
            set_fault(out_fault, "42P17", row,
                      "was applied with another content than it has now; nothing was changed. "
                      "Restore the file, and put the change into a new migration");
            return false;
        }
        if (row->state == MIGRATE_UNKNOWN) {
            set_fault(out_fault, "42P17", row,
                      "was applied by a newer holdfast; nothing was changed. Use that one");
            return false;
        }
    }
    return true;
}

static bool commit(struct db *d, struct db_fault *out_fault)
{
    PGresult *result = db_query(d, "COMMIT", NULL, 0, out_fault);
    const bool ok = result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    if (result && !ok)
        snprintf(out_fault->text, sizeof out_fault->text, "the transaction was rolled back");
    PQclear(result);
    return ok;
}

static bool record(struct db *d, const struct schema_migration *m, struct db_fault *out_fault)
{
    char version[16];
    snprintf(version, sizeof version, "%u", m->version);
    const char *const values[] = {version, m->name, m->sha256};
    PGresult *result = db_query(d,
                                "INSERT INTO public.schema_migrations (version, name, sha256) "
                                "VALUES ($1::integer, $2, $3)",
                                values, 3, out_fault);
    PQclear(result);
    return result != NULL;
}

static bool fail(const struct schema_migration *m, const char *end, struct db_fault *out_fault)
{
    char words[sizeof out_fault->text];
    snprintf(words, sizeof words, "%s", out_fault->text);
    snprintf(out_fault->text, sizeof out_fault->text, "migration %04u_%s: %.400s; %s", m->version,
             m->name, words, end);
    return false;
}

static bool apply(struct db *d, const struct schema_migration *m, struct db_fault *out_fault)
{
    if (db_run(d, "BEGIN", out_fault) && db_run(d, m->text, out_fault) && record(d, m, out_fault))
        return commit(d, out_fault) || fail(m, "run migrate again to see if it holds", out_fault);
    struct db_fault ignored;
    PQclear(db_query(d, "ROLLBACK", NULL, 0, &ignored));
    return fail(m, "it is undone", out_fault);
}

static void tell_holder(struct db *d, const struct migrate_events *events)
{
    struct db_fault ignored;
    PGresult *rows = db_query(d,
                              "SELECT coalesce(a.usename, '?'), l.pid FROM pg_locks l "
                              "LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
                              "WHERE l.locktype = 'advisory' AND (l.classid, l.objid) = " LOCK_KEYS
                              " AND l.granted AND l.database = (SELECT oid FROM pg_database "
                              "WHERE datname = current_database())",
                              NULL, 0, &ignored);
    if (rows && PQntuples(rows) > 0)
        events->on_waiting(PQgetvalue(rows, 0, 0), PQgetvalue(rows, 0, 1));
    PQclear(rows);
}

static bool lock(struct db *d, const struct migrate_events *events, struct db_fault *out_fault)
{
    PGresult *result = db_query(d, "SELECT pg_try_advisory_lock" LOCK_KEYS, NULL, 0, out_fault);
    if (!result)
        return false;
    const bool taken = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (taken)
        return true;
    tell_holder(d, events);
    return db_run(d, "SELECT pg_advisory_lock" LOCK_KEYS, out_fault);
}

static bool apply_pending(struct db *d, const struct migrate_report *report,
                          const struct migrate_events *events, struct db_fault *out_fault)
{
    for (size_t i = 0; i < schema_migration_count; i++) {
        const struct schema_migration *m = &schema_migrations[i];
        if (is_applied(report, m->version))
            continue;
        const int64_t start_ns = clock_now_ns();
        if (!apply(d, m, out_fault))
            return false;
        events->on_applied(m->version, m->name, clock_now_ns() - start_ns);
    }
    return true;
}

/* DDL that cannot get its lock would make everybody behind it wait as well: better give up. */
bool migrate_up(struct db *d, const struct migrate_events *events, struct db_fault *out_fault)
{
    struct migrate_report *report = calloc(1, sizeof *report);
    if (!report) {
        *out_fault = (struct db_fault){.text = "out of memory"};
        return false;
    }
    db_set_deadline(d, clock_now_ns() + WORK_NS);
    const bool ok =
        db_run(d, "SET search_path = public", out_fault) && lock(d, events, out_fault) &&
        db_run(d, "SET lock_timeout = '30s'", out_fault) && migrate_look(d, report, out_fault) &&
        check_history(report, out_fault) &&
        (report->of_state[MIGRATE_PENDING] == 0 || roles_be_owner(d, out_fault)) &&
        apply_pending(d, report, events, out_fault) &&
        db_run(d, "SELECT ensure_partitions(now(), now() + interval '3 months')", out_fault);
    free(report);
    return ok;
}
