/* SPDX-License-Identifier: Apache-2.0 */
/* What a program does with its settings before it does anything else. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/app/config_table.h"
#include "common/app/log.h"
#include "common/event/catalog.h"

#define EXIT_FINE   0
#define EXIT_USAGE  2
#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h: a restart does not help */

void config_help(unsigned programs, struct buffer *out)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        if ((s->programs & programs) == 0)
            continue;
        buffer_printf(out, "  %-28s %s", s->name, s->help);
        if (s->fallback == NULL)
            buffer_add_text(out, " (required)");
        else if (s->fallback[0] != 0)
            buffer_printf(out, " (%s)", s->fallback);
        if (s->choices != NULL)
            buffer_printf(out, " [%s]", s->choices);
        if (s->type == SETTING_SECRET)
            buffer_printf(out, "; or the file named by %s_FILE", s->name);
        buffer_add_byte(out, '\n');
    }
}

static struct slice nth_choice(const char *choices, int64_t n)
{
    const char *p = choices;
    for (; n > 0; n--)
        p += strcspn(p, "|") + 1;
    return (struct slice){p, strcspn(p, "|")};
}

static void print_value(const struct config *c, const struct setting *s, struct buffer *out)
{
    struct config *lent = (struct config *)(uintptr_t)c; /* only read */
    if (s->type == SETTING_SECRET)
        buffer_add_text(out, (*config_text_at(lent, s))[0] != 0 ? "********" : "");
    else if (s->type == SETTING_TEXT)
        buffer_add_text(out, *config_text_at(lent, s));
    else if (s->type == SETTING_NUMBER)
        buffer_printf(out, "%" PRId64, *config_number_at(lent, s));
    else
        buffer_add_slice(out, nth_choice(s->type == SETTING_SWITCH ? "off|on" : s->choices,
                                         *config_number_at(lent, s)));
}

void config_print(const struct config *c, unsigned programs, struct buffer *out)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        if ((s->programs & programs) == 0)
            continue;
        const char *origin = config_origin(c, s);
        buffer_printf(out, "%s=", s->name);
        print_value(c, s, out);
        buffer_printf(out, "  # %s\n", origin != NULL ? origin : "default");
    }
}

static void print(FILE *stream, const struct buffer *text)
{
    fwrite(text->data, 1, text->size, stream);
}

static int show_help(enum config_program program, const char *name)
{
    struct buffer text = {0};
    buffer_printf(&text,
                  "usage: %s [--help | --version | --check | --print-config | --healthcheck]\n\n"
                  "  --help          this text\n"
                  "  --version       the version\n"
                  "  --check         read the settings, report all faults, exit 0 or 78\n"
                  "  --print-config  the settings in force and where each comes from\n"
                  "  --healthcheck   ask the daemon of these settings whether it is alive, exit 0 "
                  "or 1\n\n"
                  "All settings are environment variables:\n\n",
                  name);
    config_help(program, &text);
    print(stdout, &text);
    buffer_finish(&text);
    return EXIT_FINE;
}

/* The faults as log lines, or for --check and --print-config as plain ones. */
static void tell(const struct buffer *lines, bool as_log, bool fault)
{
    char line[512];
    for (size_t at = 0; at < lines->size;) {
        const char *start = lines->data + at;
        const char *end = memchr(start, '\n', lines->size - at);
        const size_t size = end != NULL ? (size_t)(end - start) : lines->size - at;
        snprintf(line, sizeof line, "%.*s", (int)size, start);
        if (!as_log)
            fprintf(stderr, "%s\n", line);
        else if (fault)
            log_error("config", "bad setting, not starting", LOG_TEXT("fault", line));
        else
            log_warning("config", "unknown setting is ignored", LOG_TEXT("hint", line));
        at += size + 1;
    }
}

static bool is_option(const char *option)
{
    return strcmp(option, "--check") == 0 || strcmp(option, "--print-config") == 0;
}

static bool check_catalog(const struct config *c, struct buffer *faults)
{
    if (c->catalog_dir[0] == '\0')
        return true;
    struct catalog *catalog = catalog_create_from_folder(c->catalog_dir, faults);
    catalog_destroy(catalog);
    return catalog != NULL;
}

/* A secret whose file is gone, say, is no reason to call the running daemon dead. */
static int load_for_healthcheck(struct config *out, enum config_program program)
{
    struct buffer faults = {0}, warnings = {0};
    const bool good = config_load(out, program, &faults, &warnings);
    (void)good;
    buffer_finish(&faults);
    buffer_finish(&warnings);
    return CONFIG_HEALTHCHECK;
}

int config_start(struct config *out, enum config_program program, const char *name, int argc,
                 char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    if (argc == 2 && (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0))
        return show_help(program, name);
    if (argc == 2 && strcmp(option, "--version") == 0) {
        printf("%s " HOLDFAST_VERSION " (git " HOLDFAST_REVISION ")\n", name);
        return EXIT_FINE;
    }
    if (argc == 2 && strcmp(option, "--healthcheck") == 0)
        return load_for_healthcheck(out, program);
    if (argc > 2 || (argc == 2 && !is_option(option))) {
        fprintf(stderr, "%s: unknown argument \"%s\"; see %s --help\n", name,
                argc > 2 ? argv[2] : option, name);
        return EXIT_USAGE;
    }
    struct buffer faults = {0}, warnings = {0}, text = {0};
    const bool good = config_load(out, program, &faults, &warnings) && check_catalog(out, &faults);
    log_open(name, good ? (enum log_level)out->log_level : LOG_LEVEL_INFO,
             good ? (enum log_format)out->log_format : LOG_FORMAT_AUTO);
    tell(&warnings, argc == 1, false);
    tell(&faults, argc == 1, true);
    if (good && strcmp(option, "--print-config") == 0) {
        config_print(out, program, &text);
        print(stdout, &text);
    }
    buffer_finish(&faults);
    buffer_finish(&warnings);
    buffer_finish(&text);
    if (good && argc == 1)
        return CONFIG_GO_ON;
    config_finish(out);
    return good ? EXIT_FINE : EXIT_CONFIG;
}
