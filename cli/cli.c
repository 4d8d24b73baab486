/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "common/core/clock.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments)
{
    fputs("holdfast: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

int cli_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try `holdfast %s%s--help`.\n", verb ? verb : "", verb ? " " : "");
    return CLI_USAGE;
}

bool cli_load_config(struct config *out)
{
    struct buffer faults = {0}, warnings = {0};
    const bool ok = config_load(out, CONFIG_CLI, &faults, &warnings);
    fprintf(stderr, "%.*s%.*s", SLICE_ARGS(buffer_slice(&warnings)),
            SLICE_ARGS(buffer_slice(&faults)));
    buffer_finish(&warnings);
    buffer_finish(&faults);
    return ok;
}

void cli_help(const char *text, const struct options_row *rows, size_t count)
{
    struct buffer out = {0};
    options_help(rows, count, &out);
    printf("%s\nOptions:\n%.*s", text, SLICE_ARGS(buffer_slice(&out)));
    buffer_finish(&out);
}

bool cli_seconds(const char *text, int64_t *out_ns)
{
    char *end = NULL;
    errno = 0;
    const double seconds = strtod(text, &end);
    if (errno || end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 ||
        seconds > 86400)
        return false;
    *out_ns = (int64_t)(seconds * (double)CLOCK_S);
    return true;
}
