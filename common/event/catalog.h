/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue: what is known about the types of events. It is read from data files, one a
 * family of types (docs/catalog.md has their format), checked completely, and then only looked at:
 * all its memory lives and dies with it, and what it lends lives as long.
 */
#ifndef HOLDFAST_EVENT_CATALOG_H
#define HOLDFAST_EVENT_CATALOG_H

#include "common/core/buffer.h"

struct catalog;
struct catalog_type; /* catalog_type.h */

enum catalog_mode {
    CATALOG_OPEN,   /* a type that is not in it is taken as it is */
    CATALOG_STRICT, /* is refused */
};

/* The catalogue in force, which changes between events only, never while one is read. */
struct catalog_choice {
    struct catalog *types;
    enum catalog_mode mode;
};

struct catalog_file {
    const char *name; /* for faults */
    struct slice text;
};

/* NULL when there is a fault; all of them are appended to `faults`, a line each: file:line: text */
struct catalog *catalog_create(const struct catalog_file *files, size_t count,
                               struct buffer *faults);
/* As catalog_create, of the *.json files of a folder, in the order of their names. */
struct catalog *catalog_create_from_folder(const char *path, struct buffer *faults);
void catalog_destroy(struct catalog *c);

/* The first entry of this name or alias; NULL when there is none. */
const struct catalog_type *catalog_find(const struct catalog *c, struct slice name);

size_t catalog_type_count(const struct catalog *c);
const struct catalog_type *catalog_type_at(const struct catalog *c, size_t index);
struct slice catalog_type_name(const struct catalog_type *t);

/* A JSON document with all types: {"event_types":[…],"total_types":…,"mode":…} */
void catalog_write(const struct catalog *c, enum catalog_mode mode, struct buffer *out);

#endif
