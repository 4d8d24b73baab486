/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: a table of options gives the parser, the help and the suggestions for misspelt
 * names. --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags together as -qv, `--` ends options,
 * `-` is an argument. Options and arguments may stand in any order. Pure: it only reads argv.
 */
#ifndef HOLDFAST_CLI_OPTIONS_H
#define HOLDFAST_CLI_OPTIONS_H

#include "common/core/buffer.h"

struct options_row {
    int id;            /* the caller's own; not 0 */
    const char *name;  /* without the dashes */
    char letter;       /* 0 = none */
    const char *value; /* what the help calls its value; NULL = a flag */
    const char *help;
};

struct options {
    const struct options_row *rows;
    size_t count;
    int argc;
    char **argv;         /* argv[0] is skipped */
    int next;            /* index of the argument to read next */
    const char *cluster; /* rest of -abc still to be read, or NULL */
    bool only_arguments; /* behind `--` */
};

enum options_kind { OPTIONS_END, OPTIONS_OPTION, OPTIONS_ARGUMENT, OPTIONS_FAULT };

struct options_found {
    enum options_kind kind;
    int id;            /* of an option */
    const char *value; /* of an option that has one, or the argument; lent by argv */
    char fault[256];   /* what is wrong, for people */
};

void options_init(struct options *o, const struct options_row *rows, size_t count, int argc,
                  char **argv);
/* The next option or argument. After a fault the caller stops. */
void options_next(struct options *o, struct options_found *out);

/* Each in turn, until one is answered with an exit code (0 or more) instead of -1. */
typedef int options_take_fn(void *arg, const struct options_found *found);
int options_take_all(struct options *o, options_take_fn *take, void *arg);

void options_help(const struct options_row *rows, size_t count, struct buffer *out);

#endif
