/* SPDX-License-Identifier: Apache-2.0 */
/* `holdfast quarantine`: what could not be stored is listed, shown, put back or discarded. */
#include "cli/cli.h"
#include "cli/quarantine.h"
#include "common/app/log.h"
#include "common/core/clock.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_NS   (10 * CLOCK_S)
#define STATEMENT_NS (60 * CLOCK_S)
#define IDS_MAX      1000

enum option { HELP = 1, STATE, REASON, LIMIT, RAW };

static const struct options_row rows[] = {
    {STATE, "state", 0, "STATE", "ls: new (the default), replayed, discarded or all"},
    {REASON, "reason", 0, "REASON", "ls: only data, conflict or unreadable"},
    {LIMIT, "limit", 0, "COUNT", "ls: at most so many, the oldest first (100)"},
    {RAW, "raw", 0, NULL, "show: the bytes alone, as they came"},
    {HELP, "help", 'h', NULL, "this text"},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char help_text[] =
    "List, show, put back or discard what could not be stored.\n"
    "\n"
    "  holdfast quarantine ls\n"
    "  holdfast quarantine show 12\n"
    "  holdfast quarantine replay 12 13\n"
    "  holdfast quarantine discard 12\n"
    "\n"
    "Usage: holdfast quarantine [ls|show|replay|discard] [ID]… [OPTION]…\n"
    "\n"
    "replay puts the bytes back on the queue as they are, for a consumer that can store them now:\n"
    "after an upgrade, or once the database's own rule that refused them is gone. What fails "
    "again\n"
    "is a new row here. A conflict is not put back, for its event_id stays taken: send that event\n"
    "under an event_id of its own, then discard the row. Each replay and discard is stored as an\n"
    "event, holdfast.quarantine_replayed or holdfast.quarantine_discarded.\n"
    "\n"
    "It connects to DATABASE_NAME as DATABASE_ADMIN_USER (or DATABASE_USER); ls and show need no\n"
    "more than a reader's rights, replay and discard those of the owner. Both put messages on\n"
    "RABBITMQ_QUEUE_NAME.\n";

enum act { LS, SHOW, REPLAY, DISCARD };
static const char *const acts[] = {"ls", "show", "replay", "discard"};
enum { ACT_COUNT = sizeof acts / sizeof acts[0] };

struct job {
    struct config config;
    enum act act;
    bool has_act, raw;
    const char *state, *reason, *limit;
    const char *ids[IDS_MAX]; /* lent by argv */
    size_t id_count;
    struct db *db;
};

/* Plain where it is plain: what a client wrote may hold what a terminal obeys. */
static void print_value(const char *text, int width)
{
    struct buffer escaped = {0};
    const char *p = text;
    while (*p >= ' ' && *p <= '~')
        p++;
    if (*p != '\0')
        log_add_text(&escaped, text);
    if (*p != '\0')
        printf("%-*.*s", width, (int)escaped.size, escaped.data);
    else
        printf("%-*s", width, text);
    buffer_finish(&escaped);
}

static int list(const struct job *job)
{
    static const char sql[] =
        "SELECT quarantine_id, to_char(last_seen AT TIME ZONE 'UTC', "
        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        " attempts || ' x', reason, state, coalesce(event_id, '-'), left(message, 200)"
        " FROM quarantine WHERE ($1 = 'all' OR state = $1) AND ($2 = '' OR reason = $2)"
        " ORDER BY quarantine_id LIMIT $3::bigint";
    static const int widths[] = {9, 21, 6, 11, 10, 25, 0};
    const char *values[] = {job->state, job->reason, job->limit};
    struct db_fault fault = {0};
    PGresult *found = db_query(job->db, sql, values, 3, &fault);
    if (!found)
        return quarantine_fail("cannot read the quarantine", &fault);
    for (int i = 0; i < PQntuples(found); i++) {
        for (int column = 0; column < PQnfields(found); column++)
            print_value(PQgetvalue(found, i, column), widths[column]);
        putchar('\n');
    }
    PQclear(found);
    return CLI_OK;
}

static int print_raw(const PGresult *found)
{
    struct buffer bytes = {0};
    const bool good = quarantine_bytes(PQgetvalue(found, 0, PQnfields(found) - 1), &bytes);
    if (good)
        fwrite(bytes.data, 1, bytes.size, stdout);
    else
        cli_say("out of memory");
    buffer_finish(&bytes);
    return good ? CLI_OK : CLI_FAILED;
}

static int show(const struct job *job, const char *id)
{
    static const char sql[] =
        "SELECT quarantine_id, reason, state, attempts, first_seen, last_seen, event_id, "
        "message_id,"
        " sqlstate, message, encode(digest, 'hex') AS digest, encode(raw, 'escape') AS bytes, raw"
        " FROM quarantine WHERE quarantine_id = $1::bigint";
    struct db_fault fault = {0};
    PGresult *found = db_query(job->db, sql, &id, 1, &fault);
    int exit_code = CLI_OK;
    if (!found)
        return quarantine_fail("cannot read the quarantine", &fault);
    if (PQntuples(found) == 0) {
        cli_say("there is no row %s in quarantine", id);
        exit_code = CLI_FAILED;
    } else if (job->raw) {
        exit_code = print_raw(found);
    } else {
        for (int i = 0; i < PQnfields(found) - 1; i++) {
            printf("%-14s ", PQfname(found, i));
            print_value(PQgetvalue(found, 0, i), 0);
            putchar('\n');
        }
    }
    PQclear(found);
    return exit_code;
}

static int work(struct job *job)
{
    const struct db_login login = db_admin_login(&job->config, job->config.database_name);
    struct db_fault fault = {0};
    int exit_code = CLI_OK;
    job->db = db_open(&job->config, &login, clock_now_ns() + CONNECT_NS, &fault);
    if (!job->db)
        return quarantine_fail("cannot connect to PostgreSQL", &fault);
    db_set_deadline(job->db, clock_now_ns() + STATEMENT_NS);
    if (job->act == LS)
        exit_code = list(job);
    else if (job->act == SHOW)
        exit_code = show(job, job->ids[0]);
    else
        exit_code = quarantine_do(&job->config, job->db,
                                  job->act == REPLAY ? QUARANTINE_REPLAY : QUARANTINE_DISCARD,
                                  &(struct quarantine_rows){job->ids, job->id_count});
    db_close(job->db);
    return exit_code;
}

static bool is_count(const char *text)
{
    uint64_t value;
    return slice_to_u64(slice_of(text), INT64_MAX, &value) && value > 0;
}

static int take_argument(struct job *job, const char *value)
{
    for (int i = 0; i < ACT_COUNT && !job->has_act; i++) {
        if (strcmp(value, acts[i]) == 0) {
            job->act = (enum act)i;
            job->has_act = true;
            return -1;
        }
    }
    if (!job->has_act)
        return cli_usage("quarantine", "'%s' is neither ls, show, replay nor discard", value);
    if (job->act == LS)
        return cli_usage("quarantine", "'%s' is not understood", value);
    if (!is_count(value))
        return cli_usage("quarantine", "'%s' is no id of a row: ls lists them", value);
    if (job->id_count == IDS_MAX)
        return cli_usage("quarantine", "at most %d rows at once", IDS_MAX);
    job->ids[job->id_count++] = value;
    return -1;
}

/* -1 to go on, else the exit code. */
static int take(void *arg, const struct options_found *found)
{
    struct job *job = arg;
    if (found->kind == OPTIONS_FAULT)
        return cli_usage("quarantine", "%s", found->fault);
    if (found->kind == OPTIONS_ARGUMENT)
        return take_argument(job, found->value);
    switch ((enum option)found->id) {
    case STATE:
        job->state = found->value;
        return -1;
    case REASON:
        job->reason = found->value;
        return -1;
    case LIMIT:
        job->limit = found->value;
        if (is_count(found->value))
            return -1;
        return cli_usage("quarantine", "--limit takes a count, not '%s'", found->value);
    case RAW:
        job->raw = true;
        return -1;
    case HELP:
        cli_help(help_text, rows, ROW_COUNT);
        return CLI_OK;
    }
    return -1;
}

int cmd_quarantine(int argc, char **argv)
{
    struct job job = {.state = "new", .reason = "", .limit = "100"};
    struct options options;
    options_init(&options, rows, ROW_COUNT, argc, argv);
    int exit_code = options_take_all(&options, take, &job);
    if (exit_code < 0 && job.act != LS && job.id_count == 0)
        exit_code = cli_usage("quarantine", "which row? ls lists them");
    if (exit_code < 0 && job.act == SHOW && job.id_count > 1)
        exit_code = cli_usage("quarantine", "show takes one row");
    if (exit_code < 0)
        exit_code = cli_load_config(&job.config) ? work(&job) : CLI_CONFIG;
    config_finish(&job.config);
    return exit_code;
}
