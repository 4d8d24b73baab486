/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/doctor.h"
#include "common/app/log.h"
#include "common/core/clock.h"

enum option { TIMEOUT = 1, URL, NO_SEND, JSON, HELP };

static const struct options_row rows[] = {
    {TIMEOUT, "timeout", 0, "SECONDS", "of each probe, and to wait for the event's row (10)"},
    {URL, "url", 0, "URL", "the producer (HOLDFAST_URL, else http://127.0.0.1:8001)"},
    {NO_SEND, "no-send", 0, NULL, "send no event"},
    {JSON, "json", 0, NULL, "print the findings as JSON"},
    {HELP, "help", 'h', NULL, "this text"},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const char help_text[] =
    "Probe HTTP, AMQP and PostgreSQL, send one event all the way, and say how to fix what is\n"
    "broken.\n"
    "\n"
    "  holdfast doctor\n"
    "  holdfast doctor --json --no-send | jq .\n"
    "\n"
    "Usage: holdfast doctor [OPTION]…\n"
    "\n"
    "It uses the settings the daemons use (HOLDFAST_URL, RABBITMQ_*, DATABASE_*, METRICS_*), so "
    "run\n"
    "it with their environment. The event it sends has the type holdfast.doctor and stays stored. "
    "Exit\n"
    "codes: 0 all is well, 1 something is wrong, 5 a server does not answer.\n";

struct job {
    struct doctor doctor;
    const char *url; /* lent by argv; NULL = of the settings */
    bool no_send, json;
};

static int examine(struct job *job, const struct config *c)
{
    struct doctor *d = &job->doctor;
    d->config = c;
    d->url = job->url ? job->url : c->url;
    const char *fault = http_url_fault(d->url);
    if (fault) {
        cli_say("%s %s: %s", job->url ? "--url" : "HOLDFAST_URL", d->url, fault);
        return job->url ? CLI_USAGE : CLI_CONFIG;
    }
    d->http = http_client_create(c->ca_file);
    if (!d->http) {
        cli_say("out of memory");
        return CLI_FAILED;
    }
    log_open("holdfast", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    probe_producer(d);
    probe_broker(d);
    probe_database(d);
    probe_clocks(d);
    if (!job->no_send)
        probe_path(d);
    db_close(d->db);
    http_client_destroy(d->http);
    if (job->json)
        report_print_json(&d->report);
    else
        report_print(&d->report);
    return report_exit_code(&d->report);
}

/* -1 to go on, else the exit code. */
static int take(void *arg, const struct options_found *found)
{
    struct job *job = arg;
    if (found->kind == OPTIONS_FAULT)
        return cli_usage("doctor", "%s", found->fault);
    if (found->kind == OPTIONS_ARGUMENT)
        return cli_usage("doctor", "'%s' is not understood", found->value);
    switch ((enum option)found->id) {
    case TIMEOUT:
        if (cli_seconds(found->value, &job->doctor.timeout_ns))
            return -1;
        return cli_usage("doctor", "--timeout takes seconds, not '%s'", found->value);
    case URL:
        job->url = found->value;
        return -1;
    case NO_SEND:
        job->no_send = true;
        return -1;
    case JSON:
        job->json = true;
        return -1;
    case HELP:
        cli_help(help_text, rows, ROW_COUNT);
        return CLI_OK;
    }
    return -1;
}

int cmd_doctor(int argc, char **argv)
{
    struct job job = {.doctor = {.timeout_ns = 10 * CLOCK_S}};
    struct config config = {0};
    struct options options;
    options_init(&options, rows, ROW_COUNT, argc, argv);
    int exit_code = options_take_all(&options, take, &job);
    if (exit_code < 0)
        exit_code = cli_load_config(&config) ? examine(&job, &config) : CLI_CONFIG;
    config_finish(&config);
    return exit_code;
}
