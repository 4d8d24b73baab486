/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `holdfast migrate`: connects as the one who may change the database, waiting for it if asked to;
 * makes the database and the logins where asked to; applies what is pending.
 */
#include "cli/cli.h"
#include "cli/migrate.h"
#include "cli/roles.h"
#include "common/core/backoff.h"
#include "common/core/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS   (10 * CLOCK_S)
#define STATEMENT_NS (60 * CLOCK_S)
#define LOGINS_MAX   16

enum option { HELP = 1, WAIT, CREATE_DATABASE, WRITER, READER };

static const struct options_row rows[] = {
    {CREATE_DATABASE, "create-database", 0, NULL, "make DATABASE_NAME first when it is missing"},
    {WRITER, "writer", 0, "ROLE", "let this login store events, make it when it is missing"},
    {READER, "reader", 0, "ROLE",
     "let this login read, make it when it is missing; both may repeat"},
    {WAIT, "wait", 0, "SECONDS", "how long to wait for the server to answer (0)"},
    {HELP, "help", 'h', NULL, "this text"},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char help_text[] =
    "Bring the database to this version's schema.\n"
    "\n"
    "  holdfast migrate --wait 30\n"
    "  holdfast migrate status\n"
    "  DATABASE_ADMIN_USER=postgres holdfast migrate --create-database \\\n"
    "      --writer logging_service_user --reader logging_service_user --reader dashboard\n"
    "\n"
    "Usage: holdfast migrate [up|status] [OPTION]…\n"
    "\n"
    "up (the default) applies what is pending, each migration in a transaction of its own, under "
    "a\n"
    "lock; doing it again, or twice at the same time, is harmless. status lists them and changes "
    "nothing; "
    "it\n"
    "exits with 1 unless the database is exactly at this version.\n"
    "\n"
    "It connects to DATABASE_NAME at DATABASE_HOST as DATABASE_ADMIN_USER (or DATABASE_USER): a\n"
    "superuser, or the database's owner with CREATEROLE; later, a member of holdfast_migrator. A\n"
    "writer or reader made here gets DATABASE_PASSWORD when it is DATABASE_USER or a writer, else\n"
    "DATABASE_READER_PASSWORD; logins that exist keep theirs.\n";

struct job {
    struct config config;
    int64_t wait_ns;
    bool create_database;
    bool status_only;
    struct roles_login logins[LOGINS_MAX]; /* names lent by argv */
    size_t login_count;
};

static int fail(const char *doing, const struct db_fault *f)
{
    cli_say("%s: %s%s%s%s", doing, f->text, f->sqlstate[0] ? " (SQLSTATE " : "", f->sqlstate,
            f->sqlstate[0] ? ")" : "");
    if (strcmp(f->sqlstate, "3D000") == 0)
        cli_say("make the database, or let --create-database do it");
    if (strcmp(f->sqlstate, "42501") == 0)
        cli_say(
            "set DATABASE_ADMIN_USER to a superuser or to the database's owner with CREATEROLE");
    if (db_is_refusal(f))
        return CLI_REFUSED;
    return db_is_away(f) || strcmp(f->sqlstate, "55P03") == 0 ? CLI_UNAVAILABLE : CLI_FAILED;
}

/* A server that is away or still starting is tried again until the wait is over. */
static struct db *connect_to(const struct job *job, const char *database, int *out_exit)
{
    const struct db_login login = db_admin_login(&job->config, database);
    const int64_t end_ns = clock_now_ns() + job->wait_ns;
    struct backoff backoff = {.base_ns = 100 * CLOCK_MS, .cap_ns = 2 * CLOCK_S};
    for (;;) {
        struct db_fault fault = {0};
        struct db *d = db_open(&job->config, &login, clock_now_ns() + CONNECT_NS, &fault);
        if (d) {
            db_set_deadline(d, clock_now_ns() + STATEMENT_NS);
            return d;
        }
        const int64_t left_ns = end_ns - clock_now_ns();
        if (!db_is_away(&fault) || left_ns <= 0) {
            *out_exit = fail("cannot connect to PostgreSQL", &fault);
            return NULL;
        }
        const int64_t delay_ns = backoff_next(&backoff);
        (void)poll(NULL, 0, (int)((delay_ns < left_ns ? delay_ns : left_ns) / CLOCK_MS) + 1);
    }
}

static void on_waiting(const char *user, const char *pid)
{
    cli_say("another session is migrating this database, waiting for it to end: %s, process %s "
            "(if that is no migration: SELECT pg_terminate_backend(%s))",
            user, pid, pid);
}

static void on_applied(unsigned version, const char *name, int64_t took_ns)
{
    printf("applied %04u_%s in %lld ms\n", version, name, (long long)(took_ns / CLOCK_MS));
    fflush(stdout);
}

static int create_database(const struct job *job)
{
    int exit_code = CLI_FAILED;
    struct db *d = connect_to(job, "postgres", &exit_code);
    if (!d)
        return exit_code;
    struct db_fault fault = {0};
    bool made = false;
    exit_code = CLI_OK;
    if (!roles_create_database(d, job->config.database_name, &made, &fault))
        exit_code = fail("cannot create the database", &fault);
    else if (made)
        printf("created database %s\n", job->config.database_name);
    db_close(d);
    return exit_code;
}

static int print_status(struct db *d)
{
    static const char *const words[] = {"applied", "pending", "CHANGED", "UNKNOWN"};
    struct migrate_report *report = calloc(1, sizeof *report);
    struct db_fault fault = {.text = "out of memory"};
    if (!report || !migrate_look(d, report, &fault)) {
        free(report);
        return fail("cannot read which migrations are applied", &fault);
    }
    for (size_t i = 0; i < report->count; i++)
        printf("%-8s %04u_%-20s %s\n", words[report->row[i].state], report->row[i].version,
               report->row[i].name, report->row[i].applied_at);
    const bool current = report->of_state[MIGRATE_APPLIED] == report->count;
    free(report);
    return current ? CLI_OK : CLI_FAILED;
}

static const char *password_for(const struct config *c, const struct roles_login *login)
{
    if (strcmp(login->group, "holdfast_writer") == 0 || strcmp(login->name, c->database_user) == 0)
        return c->database_password;
    return c->database_reader_password;
}

static bool grant_logins(struct job *job, struct db *d, struct db_fault *out_fault)
{
    for (size_t i = 0; i < job->login_count; i++) {
        struct roles_login *login = &job->logins[i];
        bool made = false;
        login->password = password_for(&job->config, login);
        if (!roles_grant(d, login, &made, out_fault))
            return false;
        if (made)
            printf("created login %s%s\n", login->name,
                   login->password[0] ? "" : " without a password");
    }
    return true;
}

static int migrate(struct job *job)
{
    static const struct migrate_events events = {on_waiting, on_applied};
    int exit_code = CLI_OK;
    if (job->create_database && !job->status_only && (exit_code = create_database(job)) != CLI_OK)
        return exit_code;
    struct db *d = connect_to(job, job->config.database_name, &exit_code);
    if (!d)
        return exit_code;
    struct db_fault fault = {0};
    if (job->status_only)
        exit_code = print_status(d);
    else if (!migrate_up(d, &events, &fault))
        exit_code = fail("cannot migrate", &fault);
    else if (!grant_logins(job, d, &fault))
        exit_code = fail("cannot set up the logins", &fault);
    else
        printf("%s is up to date\n", job->config.database_name);
    db_close(d);
    return exit_code;
}

static int add_login(struct job *job, const char *group, const char *name)
{
    if (name[0] == '\0' || strlen(name) > 63)
        return cli_usage("migrate", "a role's name has 1 to 63 characters");
    if (job->login_count == LOGINS_MAX)
        return cli_usage("migrate", "at most %d logins", LOGINS_MAX);
    job->logins[job->login_count++] = (struct roles_login){.group = group, .name = name};
    return -1;
}

/* -1 to go on, else the exit code. */
static int take(void *arg, const struct options_found *found)
{
    struct job *job = arg;
    if (found->kind == OPTIONS_FAULT)
        return cli_usage("migrate", "%s", found->fault);
    if (found->kind == OPTIONS_ARGUMENT) {
        job->status_only = strcmp(found->value, "status") == 0;
        if (!job->status_only && strcmp(found->value, "up") != 0)
            return cli_usage("migrate", "'%s' is neither up nor status", found->value);
        return -1;
    }
    switch ((enum option)found->id) {
    case HELP:
        cli_help(help_text, rows, ROW_COUNT);
        return CLI_OK;
    case WAIT:
        if (!cli_seconds(found->value, &job->wait_ns))
            return cli_usage("migrate", "--wait takes seconds, not '%s'", found->value);
        return -1;
    case CREATE_DATABASE:
        job->create_database = true;
        return -1;
    case WRITER:
        return add_login(job, "holdfast_writer", found->value);
    case READER:
        return add_login(job, "holdfast_reader", found->value);
    }
    return -1;
}

int cmd_migrate(int argc, char **argv)
{
    struct job job = {0};
    struct options options;
    options_init(&options, rows, ROW_COUNT, argc, argv);
    int exit_code = options_take_all(&options, take, &job);
    if (exit_code < 0)
        exit_code = cli_load_config(&job.config) ? migrate(&job) : CLI_CONFIG;
    config_finish(&job.config);
    return exit_code;
}
