/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reading of a catalogue shares: memory, faults with their lines, members by name. Reading
 * goes on after a fault, so that all faults are reported. Private to catalog*.c.
 */
#ifndef HOLDFAST_EVENT_CATALOG_LOAD_H
#define HOLDFAST_EVENT_CATALOG_LOAD_H

#include "common/event/catalog_type.h"

struct catalog_block;

struct catalog {
    struct catalog_block *blocks; /* owned: all memory of what was read */
    struct catalog_type **types;  /* owned; in the order of the files */
    size_t type_count, type_capacity;
    struct catalog_slot *slots; /* in a block; open hash of names and aliases */
    size_t slot_count;          /* a power of two */
};

struct catalog_load {
    struct catalog *catalog;
    struct buffer *faults;
    bool faulty;
    const char *file_name;
    struct slice text; /* of the file */
    struct slice family, family_fields;
    struct catalog_condition family_when;
    bool has_family_when;
    /* Of the type at hand. */
    struct catalog_type *type;
    struct slice own_fields;
    struct catalog_field field[CATALOG_FIELDS_MAX];
    struct slice otherwise[CATALOG_FIELDS_MAX]; /* names, until all fields are known */
    size_t field_count;
};

/* Zeroed; NULL when memory ran out, which is reported. */
void *catalog_take(struct catalog_load *l, size_t size);
size_t catalog_line(const struct catalog_load *l, const char *at);
void catalog_say(struct catalog_load *l, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void catalog_read_file(struct catalog_load *l); /* catalog_entry.c */
bool catalog_add_field(struct catalog_load *l, struct slice name, bool required);
void catalog_finish_fields(struct catalog_load *l); /* catalog_field.c */
int catalog_column_of(struct slice name);           /* or CATALOG_NONE */
void catalog_read_rules(struct catalog_load *l, const struct gate_member *severity,
                        const struct gate_member *priority,
                        const struct gate_member *routing_key); /* catalog_rule.c */

#endif
