/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include "cli/cli.h"
#include "common/core/clock.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *mark, *word;
} states[] = {
    [REPORT_OK] = {"✓", "ok"},           [REPORT_NOTE] = {"!", "note"},
    [REPORT_FAILED] = {"✗", "failed"},   [REPORT_AWAY] = {"✗", "unavailable"},
    [REPORT_SKIPPED] = {"-", "skipped"},
};

void report_begin(struct report *r, const char *name)
{
    assert(r->count < REPORT_ROWS_MAX);
    r->row[r->count++] = (struct report_row){.name = name, .state = REPORT_SKIPPED};
    r->begun_ns = clock_now_ns();
}

void report_find(struct report *r, enum report_state state, const char *format, ...)
{
    struct report_row *row = &r->row[r->count - 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->detail, sizeof row->detail, format, arguments);
    va_end(arguments);
    row->state = state;
    row->took_ns = clock_now_ns() - r->begun_ns;
}

void report_mend(struct report *r, const char *format, ...)
{
    struct report_row *row = &r->row[r->count - 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->mend, sizeof row->mend, format, arguments);
    va_end(arguments);
}

void report_print(const struct report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct report_row *row = &r->row[i];
        if (row->state == REPORT_SKIPPED)
            printf("%s %-12s %8s     %s\n", states[row->state].mark, row->name, "", row->detail);
        else
            printf("%s %-12s %8.1f ms  %s\n", states[row->state].mark, row->name,
                   (double)row->took_ns / (double)CLOCK_MS, row->detail);
        if (row->mend[0])
            printf("%28s→ %s\n", "", row->mend);
    }
}

static void add_member(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, ",\"%s\":", name);
    buffer_add_json_string(out, slice_of(text));
}

void report_print_json(const struct report *r)
{
    struct buffer out = {0};
    buffer_printf(&out, "{\"ok\":%s,\"checks\":[",
                  report_exit_code(r) == CLI_OK ? "true" : "false");
    for (size_t i = 0; i < r->count; i++) {
        const struct report_row *row = &r->row[i];
        buffer_printf(&out, "%s{\"name\":\"%s\",\"state\":\"%s\",\"ms\":%.3f", i > 0 ? "," : "",
                      row->name, states[row->state].word, (double)row->took_ns / (double)CLOCK_MS);
        add_member(&out, "detail", row->detail);
        if (row->mend[0])
            add_member(&out, "mend", row->mend);
        buffer_add_byte(&out, '}');
    }
    printf("%.*s]}\n", SLICE_ARGS(buffer_slice(&out)));
    buffer_finish(&out);
}

/* A server that is away explains the failures behind it, so it decides. */
int report_exit_code(const struct report *r)
{
    int exit_code = CLI_OK;
    for (size_t i = 0; i < r->count; i++) {
        if (r->row[i].state == REPORT_AWAY)
            return CLI_UNAVAILABLE;
        if (r->row[i].state == REPORT_FAILED)
            exit_code = CLI_FAILED;
    }
    return exit_code;
}
