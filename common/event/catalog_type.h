/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event type, compiled for lookups: every text in it points into the catalogue, and names are
 * found by hash. Private to catalog*.c and event*.c.
 */
#ifndef HOLDFAST_EVENT_CATALOG_TYPE_H
#define HOLDFAST_EVENT_CATALOG_TYPE_H

#include "common/event/catalog.h"
#include "common/event/catalog_field.h"
#include "common/event/catalog_key.h"
#include "common/event/event_level.h"

enum { CATALOG_SEVERITY = -2, CATALOG_FIELDS_MAX = 48, CATALOG_SLOTS = 256, CATALOG_PARTS_MAX = 8 };

/* From this value of a number on, the severity goes by this word; the last has -infinity. */
struct catalog_step {
    double at_least;
    struct slice word;
    enum event_level level;
};

struct catalog_part { /* of a routing key: literal text, then a value */
    struct slice literal;
    int field; /* place in fields, CATALOG_SEVERITY, or CATALOG_NONE at the end */
};

struct catalog_condition {
    enum event_field column;
    struct catalog_words words; /* one of them; none = any value */
};

struct catalog_type {
    const struct catalog_type *next; /* of the same name, when this one is not meant */
    const char *file;                /* where it stands */
    size_t line;
    struct slice family, name;
    struct slice description; /* token; data NULL = none */
    struct catalog_words aliases;
    struct catalog_condition when;
    bool has_when;
    const struct catalog_field *fields;
    size_t field_count;
    struct catalog_sets sets;
    struct catalog_name *names; /* of the fields, and their spellings */
    size_t name_count;
    uint8_t slot[CATALOG_SLOTS]; /* open hash of them: place in names plus one, or 0 */
    struct slice routing_key;    /* token, the template */
    struct catalog_part parts[CATALOG_PARTS_MAX];
    size_t part_count; /* 1 part: the routing key is the template itself */
    enum event_level level;
    int rule_field; /* whose number decides the severity; CATALOG_NONE = none */
    const struct catalog_step *steps;
    size_t step_count;
    uint8_t priority[EVENT_LEVEL_COUNT];
};

/* Place of the field with this name or spelling, CATALOG_NONE when there is none. */
int catalog_type_find(const struct catalog_type *t, struct slice name);
#endif
