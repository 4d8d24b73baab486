/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the environment. Every setting is looked at before anything is said, so that an operator
 * mends all faults in one go.
 */
#include "common/app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/app/config_table.h"
#include "common/app/config_url.h"
#include "common/core/near.h"

#define SECRET_SIZE_MAX    4096
#define NAME_SIZE_MAX      64
#define LOOKALIKE_SIZE_MIN 8 /* shorter names are near to many a stranger's */

struct load {
    struct config *config;
    unsigned programs;
    struct buffer *faults;
};

char **config_text_at(struct config *c, const struct setting *s)
{
    return (char **)(void *)((char *)c + s->offset);
}

int64_t *config_number_at(struct config *c, const struct setting *s)
{
    return (int64_t *)(void *)((char *)c + s->offset);
}

static bool is_text(const struct setting *s)
{
    return s->type == SETTING_TEXT || s->type == SETTING_SECRET;
}

/* The position of `value` among "a|b|c", without regard to case; -1 when it is none of them. */
static int64_t choice_of(const char *choices, const char *value)
{
    int64_t index = 0;
    for (const char *p = choices;; index++) {
        const size_t size = strcspn(p, "|");
        if (slice_equals_nocase((struct slice){p, size}, slice_of(value)))
            return index;
        if (p[size] == 0)
            return -1;
        p += size + 1;
    }
}

static const char *file_variable(const struct setting *s, char out[NAME_SIZE_MAX])
{
    snprintf(out, NAME_SIZE_MAX, "%s_FILE", s->name);
    return s->type == SETTING_SECRET ? getenv(out) : NULL;
}

/* Of its own variables. */
static const char *own_origin(const struct setting *s)
{
    static char name[NAME_SIZE_MAX];
    if (getenv(s->name) != NULL)
        return s->name;
    if (file_variable(s, name) != NULL)
        return name;
    if (strcmp(s->name, "RABBITMQ_PASSWORD") == 0 && getenv("RABBITMQ_PASS") != NULL)
        return "RABBITMQ_PASS";
    return NULL;
}

const char *config_origin(const struct config *c, const struct setting *s)
{
    char value[SECRET_SIZE_MAX];
    const char *url = config_url_find(c, s->name, value, sizeof value);
    explicit_bzero(value, sizeof value);
    return url != NULL ? url : own_origin(s);
}

/* The first line of a secret's file into `value`; false with the reason in the faults. */
static bool read_secret(struct load *load, const char *name, const char *path, char *value)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd < 0 ? -1 : read(fd, value, SECRET_SIZE_MAX - 1);
    if (size < 0)
        buffer_printf(load->faults, "%s: cannot read %s: %s; name a file this user may read\n",
                      name, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (size < 0)
        return false;
    value[size] = 0;
    value[strcspn(value, "\r\n")] = 0;
    return true;
}

/* The text a setting has: from a URL, its variable, its file, or the default. NULL: a fault was
 * told. */
static const char *find_value(struct load *load, const struct setting *s, char *secret)
{
    char file_name[NAME_SIZE_MAX];
    const char *path = file_variable(s, file_name);
    const char *origin = own_origin(s);
    if (config_url_find(load->config, s->name, secret, SECRET_SIZE_MAX) != NULL)
        return secret;
    if (path != NULL && getenv(s->name) != NULL) {
        buffer_printf(load->faults, "%s and %s are both set; unset one of them\n", s->name,
                      file_name);
        return NULL;
    }
    if (path != NULL)
        return read_secret(load, file_name, path, secret) ? secret : NULL;
    if (origin != NULL)
        return getenv(origin);
    if (s->fallback == NULL)
        buffer_printf(load->faults, "%s is not set; set it%s%s%s (%s)\n", s->name,
                      s->type == SETTING_SECRET ? " or " : "",
                      s->type == SETTING_SECRET ? s->name : "",
                      s->type == SETTING_SECRET ? "_FILE" : "", s->help);
    return s->fallback;
}

static void set_number(struct load *load, const struct setting *s, const char *value)
{
    uint64_t number = 0;
    if (!slice_to_u64(slice_of(value), (uint64_t)s->max, &number) || (int64_t)number < s->min) {
        buffer_printf(load->faults,
                      "%s is \"%s\"; give a whole number from %" PRId64 " to %" PRId64 "\n",
                      s->name, value, s->min, s->max);
        return;
    }
    *config_number_at(load->config, s) = (int64_t)number;
}

static void set_choice(struct load *load, const struct setting *s, const char *value)
{
    const char *choices = s->type == SETTING_SWITCH ? "off|on|0|1|false|true|no|yes" : s->choices;
    const int64_t choice = choice_of(choices, value);
    if (choice < 0) {
        buffer_printf(load->faults, "%s is \"%s\"; give one of %s\n", s->name, value, choices);
        return;
    }
    *config_number_at(load->config, s) = s->type == SETTING_SWITCH ? choice % 2 : choice;
}

/* Where an address of another program may be put whole, with its password in it. */
static bool is_host(const struct setting *s)
{
    return strcmp(s->name, "RABBITMQ_HOST") == 0 || strcmp(s->name, "DATABASE_HOST") == 0;
}

static void set_text(struct load *load, const struct setting *s, const char *value)
{
    if (s->choices != NULL && choice_of(s->choices, value) < 0) {
        buffer_printf(load->faults, "%s is \"%s\"; give one of %s\n", s->name, value, s->choices);
        return;
    }
    if (is_host(s) && strpbrk(value, "@/") != NULL && value[0] != '/') {
        buffer_printf(
            load->faults,
            "%s holds more than a host; give user and password in settings of their own, or all "
            "of it as %s\n",
            s->name, s->name[0] == 'D' ? "DATABASE_URL" : "RABBITMQ_URL");
        return;
    }
    if (s->max > 0 && strlen(value) > (size_t)s->max) {
        buffer_printf(load->faults, "%s is longer than %" PRId64 " bytes; shorten it\n", s->name,
                      s->max);
        return;
    }
    if (value[0] != '\0' && strlen(value) < (size_t)s->min) {
        buffer_printf(load->faults, "%s is shorter than %" PRId64 " bytes; lengthen it\n", s->name,
                      s->min);
        return;
    }
    const char *shape = config_url_fault(s->name, value);
    if (shape != NULL) {
        buffer_printf(load->faults,
                      "%s is not %s; write what is special in a name or password as %%XX\n",
                      s->name, shape);
        return;
    }
    free(*config_text_at(load->config, s));
    *config_text_at(load->config, s) = strdup(value);
    if (*config_text_at(load->config, s) == NULL)
        buffer_printf(load->faults, "%s: out of memory\n", s->name);
}

static void load_setting(struct load *load, const struct setting *s)
{
    char secret[SECRET_SIZE_MAX];
    const char *value = find_value(load, s, secret);
    if (value == NULL)
        return;
    if (s->type == SETTING_NUMBER)
        set_number(load, s, value);
    else if (is_text(s))
        set_text(load, s, value);
    else
        set_choice(load, s, value);
    explicit_bzero(secret, sizeof secret);
}

static void check_production(struct load *load, const struct setting *s)
{
    static const char *const defaults[] = {
        "guest", "password", "postgres", "changeme", "changeit", "admin", "your_secure_password"};
    if (load->config->environment != CONFIG_PRODUCTION || s->type != SETTING_SECRET)
        return;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (strcmp(*config_text_at(load->config, s), defaults[i]) == 0)
            buffer_printf(load->faults,
                          "%s is a default password, which ENVIRONMENT=production refuses; set "
                          "one of your own\n",
                          s->name);
    }
}

/* Names nobody but Holdfast has a use for. RabbitMQ's own variables share its prefix. */
static bool is_ours(struct slice name)
{
    static const char *const prefixes[] = {"DATABASE_", "PRODUCER_", "CONSUMER_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const size_t length = strlen(prefixes[i]);
        if (name.size >= length && strncmp(name.data, prefixes[i], length) == 0)
            return true;
    }
    return false;
}

/* PASSWORD_FILE beside PASSWORD. */
static bool is_file_of(struct slice name, const struct setting *s)
{
    const size_t size = strlen(s->name);
    return s->type == SETTING_SECRET && name.size == size + 5 &&
           strncmp(name.data, s->name, size) == 0;
}

/* A variable nobody reads that looks like one somebody does. */
static void warn_lookalike(struct slice name, struct buffer *warnings)
{
    struct near near = near_start(name);
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        const struct slice known = slice_of(s->name);
        if (slice_equals(name, known) || is_file_of(name, s))
            return;
        if (known.size >= LOOKALIKE_SIZE_MIN)
            near_offer(&near, known);
    }
    if (slice_equals(name, SLICE("RABBITMQ_PASS")))
        return;
    if (near.found.data != NULL)
        buffer_printf(warnings, "%.*s is not a setting; did you mean %.*s?\n", SLICE_ARGS(name),
                      SLICE_ARGS(near.found));
    else if (is_ours(name))
        buffer_printf(warnings, "%.*s is not a setting\n", SLICE_ARGS(name));
}

bool config_load(struct config *out, unsigned programs, struct buffer *faults,
                 struct buffer *warnings)
{
    extern char **environ;
    struct load load = {out, programs, faults};
    const size_t faults_before = faults->size;
    *out = (struct config){0};
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        if (is_text(s) && *config_text_at(out, s) == NULL)
            *config_text_at(out, s) = strdup("");
        if ((s->programs & programs) != 0)
            load_setting(&load, s);
    }
    for (size_t i = 0; i < config_setting_count; i++) {
        if ((config_settings[i].programs & programs & CONFIG_DAEMONS) != 0)
            check_production(&load, &config_settings[i]);
    }
    for (char **e = environ; e != NULL && *e != NULL; e++)
        warn_lookalike((struct slice){*e, strcspn(*e, "=")}, warnings);
    return faults->size == faults_before && !faults->failed;
}

void config_finish(struct config *c)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        if (!is_text(&config_settings[i]))
            continue;
        char **text = config_text_at(c, &config_settings[i]);
        if (*text != NULL)
            explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
    }
}
