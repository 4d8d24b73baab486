/* SPDX-License-Identifier: Apache-2.0 */
/* The check of one value against what the catalogue says of its field. Private to catalog*.c and
 * event*.c. */
#ifndef HOLDFAST_EVENT_CATALOG_VALUE_H
#define HOLDFAST_EVENT_CATALOG_VALUE_H

#include "common/event/catalog_type.h"

/* The token is not null. On false out_detail says what was expected and what came. */
MUST_CHECK bool catalog_check_value(const struct catalog_field *f, struct slice token,
                                    char *out_detail, size_t size);
bool catalog_is_allowed(const struct catalog_field *f, struct slice token);

/* "a number from 0 to 100", "one of a, b" */
void catalog_describe(const struct catalog_field *f, char *out, size_t size);

#endif
