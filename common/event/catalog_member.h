/* SPDX-License-Identifier: Apache-2.0 */
/* Members and values of a file of the catalogue; faults are reported. Private to catalog*.c. */
#ifndef HOLDFAST_EVENT_CATALOG_MEMBER_H
#define HOLDFAST_EVENT_CATALOG_MEMBER_H

#include "common/event/catalog_load.h"

/* Sorts an object's members by the names it may have; absent ones have value.data NULL. */
void catalog_read_members(struct catalog_load *l, struct slice object, const char *const *names,
                          struct gate_member *out); /* names end with NULL */

/* A member's value; false when it is not of that kind, which is reported. */
MUST_CHECK bool catalog_read_text(struct catalog_load *l, const struct gate_member *m,
                                  struct slice *out);
MUST_CHECK bool catalog_read_number(struct catalog_load *l, const struct gate_member *m,
                                    double *out);
MUST_CHECK bool catalog_read_object(struct catalog_load *l, const struct gate_member *m,
                                    struct slice *out);
MUST_CHECK bool catalog_read_words(struct catalog_load *l, const struct gate_member *m,
                                   struct catalog_words *out);

#endif
