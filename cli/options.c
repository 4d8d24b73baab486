/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/near.h"

void options_init(struct options *o, const struct options_row *rows, size_t count, int argc,
                  char **argv)
{
    *o = (struct options){.rows = rows, .count = count, .argc = argc, .argv = argv, .next = 1};
}

__attribute__((format(printf, 2, 3))) static void set_fault(struct options_found *out,
                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->kind = OPTIONS_FAULT;
    vsnprintf(out->fault, sizeof out->fault, format, arguments);
    va_end(arguments);
}

static void set_unknown(const struct options *o, struct slice name, struct options_found *out)
{
    struct near near = near_start(name);
    for (size_t i = 0; i < o->count; i++)
        near_offer(&near, slice_of(o->rows[i].name));
    if (near.found.data != NULL)
        set_fault(out, "there is no option --%.*s; did you mean --%.*s?", SLICE_ARGS(name),
                  SLICE_ARGS(near.found));
    else
        set_fault(out, "there is no option --%.*s", SLICE_ARGS(name));
}

static const char *take_argument(struct options *o)
{
    return o->next < o->argc ? o->argv[o->next++] : NULL;
}

static void read_long(struct options *o, const char *text, struct options_found *out)
{
    const char *equals = strchr(text, '=');
    const struct slice name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    const struct options_row *row = NULL;
    for (size_t i = 0; i < o->count && !row; i++)
        if (slice_equals(name, slice_of(o->rows[i].name)))
            row = &o->rows[i];
    if (!row) {
        set_unknown(o, name, out);
        return;
    }
    if (!row->value && equals) {
        set_fault(out, "--%.*s takes no value", SLICE_ARGS(name));
        return;
    }
    *out = (struct options_found){.kind = OPTIONS_OPTION, .id = row->id};
    if (!row->value)
        return;
    out->value = equals ? equals + 1 : take_argument(o);
    if (!out->value)
        set_fault(out, "--%.*s needs a value behind it", SLICE_ARGS(name));
}

static void read_letter(struct options *o, struct options_found *out)
{
    const char letter = *o->cluster;
    const struct options_row *row = NULL;
    for (size_t i = 0; i < o->count && !row; i++)
        if (o->rows[i].letter && o->rows[i].letter == letter)
            row = &o->rows[i];
    if (!row) {
        set_fault(out, "there is no option -%c", letter);
        return;
    }
    const char *rest = o->cluster[1] ? o->cluster + 1 : NULL;
    o->cluster = row->value ? NULL : rest;
    *out = (struct options_found){.kind = OPTIONS_OPTION, .id = row->id};
    if (!row->value)
        return;
    out->value = rest ? rest : take_argument(o);
    if (!out->value)
        set_fault(out, "-%c needs a value behind it", letter);
}

void options_next(struct options *o, struct options_found *out)
{
    *out = (struct options_found){.kind = OPTIONS_END};
    if (o->cluster) {
        read_letter(o, out);
        return;
    }
    const char *text = take_argument(o);
    if (text && !o->only_arguments && strcmp(text, "--") == 0) {
        o->only_arguments = true;
        text = take_argument(o);
    }
    if (!text)
        return;
    if (o->only_arguments || text[0] != '-' || text[1] == '\0') {
        *out = (struct options_found){.kind = OPTIONS_ARGUMENT, .value = text};
        return;
    }
    if (text[1] == '-') {
        read_long(o, text + 2, out);
        return;
    }
    o->cluster = text + 1;
    read_letter(o, out);
}

int options_take_all(struct options *o, options_take_fn *take, void *arg)
{
    struct options_found found;
    for (options_next(o, &found); found.kind != OPTIONS_END; options_next(o, &found)) {
        const int exit_code = take(arg, &found);
        if (exit_code >= 0)
            return exit_code;
    }
    return -1;
}

static void help_row(const struct options_row *row, struct buffer *out)
{
    const int column = 30;
    const size_t start = out->size;
    if (row->letter)
        buffer_printf(out, "  -%c, ", row->letter);
    else
        buffer_add_text(out, "      ");
    buffer_printf(out, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
    const int used = (int)(out->size - start);
    buffer_printf(out, "%*s%s\n", used < column ? column - used : 2, "", row->help);
}

void options_help(const struct options_row *rows, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < count; i++)
        help_row(&rows[i], out);
}
