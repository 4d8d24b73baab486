/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of config: the table of settings, for its readers config.c and config_start.c. */
#ifndef HOLDFAST_APP_CONFIG_TABLE_H
#define HOLDFAST_APP_CONFIG_TABLE_H

#include "common/app/config.h"

enum setting_type {
    SETTING_TEXT,   /* char *; one of `choices` where there are some */
    SETTING_SECRET, /* char *; never shown */
    SETTING_NUMBER, /* int64_t */
    SETTING_SWITCH, /* int64_t, 0 or 1 */
    SETTING_CHOICE, /* int64_t: the position in `choices`, which is its enum's value */
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;        /* of the field in struct config */
    const char *fallback; /* NULL: required */
    int64_t min, max;     /* of a NUMBER; of a TEXT max is its length, 0 = any */
    const char *choices;  /* "a|b|c" */
    unsigned programs;    /* flags of enum config_program */
    const char *help;
};

extern const struct setting config_settings[];
extern const size_t config_setting_count;

char **config_text_at(struct config *c, const struct setting *s);
int64_t *config_number_at(struct config *c, const struct setting *s);

/* The variable a setting comes from, its URL or its file perhaps; NULL for the default. */
const char *config_origin(const struct config *c, const struct setting *s);

#endif
