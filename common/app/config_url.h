/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of config: DATABASE_URL and RABBITMQ_URL, each of which stands for several settings. A
 * part that a URL names overrides its own setting; the other settings stay in force.
 */
#ifndef HOLDFAST_APP_CONFIG_URL_H
#define HOLDFAST_APP_CONFIG_URL_H

#include "common/app/config.h"

/* NULL when `value` is valid for the setting; else the form it should have. Any value is valid for
 * a setting that is not a URL. */
const char *config_url_fault(const char *setting, const char *value);

/* The value a URL, read before, gives another setting, and the URL's own name; else NULL. */
const char *config_url_find(const struct config *c, const char *setting, char *out, size_t size);

#endif
