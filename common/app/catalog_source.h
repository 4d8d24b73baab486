/* SPDX-License-Identifier: Apache-2.0 */
/* Where the catalogue of a running program comes from, and the one in force. */
#ifndef HOLDFAST_APP_CATALOG_SOURCE_H
#define HOLDFAST_APP_CATALOG_SOURCE_H

#include "common/event/catalog.h"

struct catalog_source { /* the caller's memory */
    const struct catalog_file *builtin;
    size_t builtin_count;
    const char *folder;           /* "" = the built-in files */
    struct catalog_choice choice; /* its types are owned */
};

/* False, with each fault logged, when there is no good catalogue. */
MUST_CHECK bool catalog_source_open(struct catalog_source *s);
void catalog_source_finish(struct catalog_source *s);

/* Reads the folder again. A bad one is logged and the old catalogue stays. */
void catalog_source_reload(struct catalog_source *s);

#endif
