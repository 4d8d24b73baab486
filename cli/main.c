/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `holdfast`, the operator's command: a table of verbs. A new verb is a cmd_<verb>.c and a row.
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <json-c/json_c_version.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/core/near.h"

/* name, what it does */
#define VERBS(X)                                                                                   \
    X(send, "send events: one from options, or NDJSON from a file or stdin")                       \
    X(migrate, "bring the database to this version's schema")                                      \
    X(doctor, "probe HTTP, AMQP and PostgreSQL and say how to fix what is broken")                 \
    X(quarantine, "list, show, put back or discard what could not be stored")

struct verb {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct verb verbs[] = {
#define X(verb, text) {#verb, text, cmd_##verb},
    VERBS(X)
#undef X
};
static const size_t verb_count = sizeof verbs / sizeof verbs[0];

static int print_help(void)
{
    puts("holdfast - the operator's command of Holdfast, the durable event log\n"
         "\n"
         "  holdfast send -t deploy_started -p version=1.4.2\n"
         "  holdfast send -f events.ndjson\n"
         "  holdfast migrate --wait 30\n"
         "  holdfast doctor\n"
         "  holdfast quarantine ls\n"
         "\n"
         "Usage: holdfast VERB [OPTION]…\n");
    for (size_t i = 0; i < verb_count; i++)
        printf("  %-11s%s\n", verbs[i].name, verbs[i].help);
    puts(
        "\n`holdfast VERB --help` lists the options of one. Settings come from the environment:\n");
    struct buffer settings = {0};
    config_help(CONFIG_CLI, &settings);
    fwrite(settings.data, 1, settings.size, stdout);
    buffer_finish(&settings);
    puts("\nExit codes: 0 done · 1 failed · 2 wrong usage · 4 credentials refused · 5 a server is "
         "unreachable\n"
         "or too slow, try again · 6 some of the input was refused · 78 wrong settings");
    return CLI_OK;
}

static int print_version(void)
{
    printf("holdfast %s (%s), libpq %d, json-c %s, libcurl %s\n", HOLDFAST_VERSION,
           HOLDFAST_REVISION, PQlibVersion(), json_c_version(),
           curl_version_info(CURLVERSION_NOW)->version);
    return CLI_OK;
}

static int unknown_verb(const char *word)
{
    struct near near = near_start(slice_of(word));
    for (size_t i = 0; i < verb_count; i++)
        near_offer(&near, slice_of(verbs[i].name));
    if (near.found.data != NULL)
        return cli_usage(NULL, "there is no verb '%s'; did you mean '%.*s'?", word,
                         SLICE_ARGS(near.found));
    return cli_usage(NULL, "there is no verb '%s'", word);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2)
        return cli_usage(NULL, "a verb is missing");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return print_help();
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return print_version();
    for (size_t i = 0; i < verb_count; i++)
        if (strcmp(word, verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return unknown_verb(word);
}
