/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of `holdfast` share. A verb reads its options, then the settings, then works; it
 * says its results on stdout, everything else on stderr, and returns an exit code.
 */
#ifndef HOLDFAST_CLI_CLI_H
#define HOLDFAST_CLI_CLI_H

#include "cli/options.h"
#include "common/app/config.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_REFUSED = 4,     /* who we are was not accepted */
    CLI_UNAVAILABLE = 5, /* a server is away or too slow; trying again may help */
    CLI_PARTLY = 6,      /* some of the input was refused */
    CLI_CONFIG = 78,
};

/* argv[0] is the verb. */
int cmd_migrate(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_quarantine(int argc, char **argv);

/* "holdfast: …" on stderr. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong with the command line and where to look; returns CLI_USAGE. */
int cli_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The settings of the environment; on faults says them all and returns false. Finish it always. */
MUST_CHECK bool cli_load_config(struct config *out);

/* A verb's help: its text (examples first), then its options. */
void cli_help(const char *text, const struct options_row *rows, size_t count);

/* "5", "1.5" seconds of an option to ns; false when it is no number or outside 0 to a day. */
MUST_CHECK bool cli_seconds(const char *text, int64_t *out_ns);

#endif
