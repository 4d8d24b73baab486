/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the catalogue: a family and its types.
 *
 *   {"family": "cns", "when": {…}, "fields": {name: {…}}, "types": {name: {…}}}
 *
 * A type: routing_key, priority, severity (catalog_rule.c), required and optional
 * (catalog_field.c), fields, aliases, description, when. `when` tells two types of one name apart:
 * it names a column, and the values one of which it must have ([] for any).
 */
#include "common/event/catalog_member.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json_walk.h"

enum { FAMILY, FAMILY_DESCRIPTION, FAMILY_WHEN, FAMILY_FIELDS, TYPES, FAMILY_MEMBERS };
enum {
    DESCRIPTION,
    ALIASES,
    WHEN,
    ROUTING_KEY,
    PRIORITY,
    SEVERITY,
    REQUIRED,
    OPTIONAL,
    FIELDS,
    TYPE_MEMBERS
};

static const char *const family_names[] = {"family", "description", "when",
                                           "fields", "types",       NULL};
static const char *const type_names[] = {"description", "aliases",  "when",     "routing_key",
                                         "priority",    "severity", "required", "optional",
                                         "fields",      NULL};

static bool read_when(struct catalog_load *l, const struct gate_member *m,
                      struct catalog_condition *out)
{
    struct slice object, ignored;
    struct gate_member column;
    if (!catalog_read_object(l, m, &object))
        return false;
    struct slice rest = object;
    if (!json_next_member(&rest, &column)) {
        catalog_say(l, object.data, "when: it names no column");
        return false;
    }
    const int found = catalog_column_of(column.name);
    if (found == CATALOG_NONE || event_field_kind((enum event_field)found) != EVENT_KIND_TEXT) {
        catalog_say(l, column.name.data, "when: \"%.*s\" is not a column of texts",
                    SLICE_ARGS(column.name));
        return false;
    }
    out->column = (enum event_field)found;
    out->words = (struct catalog_words){0};
    struct slice elements = column.value;
    if (column.kind == GATE_ARRAY && !json_next_element(&elements, &ignored))
        return true;
    return catalog_read_words(l, &column, &out->words);
}

static void read_list(struct catalog_load *l, const struct gate_member *m, bool required)
{
    struct catalog_words names;
    if (m->value.data == NULL || !catalog_read_words(l, m, &names))
        return;
    for (size_t i = 0; i < names.count; i++) {
        if (!catalog_add_field(l, names.word[i], required))
            return;
    }
}

static void read_condition(struct catalog_load *l, const struct gate_member *m)
{
    struct catalog_type *t = l->type;
    t->when = l->family_when;
    t->has_when = l->has_family_when;
    if (m->value.data != NULL)
        t->has_when = read_when(l, m, &t->when);
}

static void read_fields(struct catalog_load *l, const struct gate_member *m)
{
    l->field_count = 0;
    l->own_fields = (struct slice){0};
    if (m[FIELDS].value.data != NULL && !catalog_read_object(l, &m[FIELDS], &l->own_fields))
        l->own_fields = (struct slice){0};
    read_list(l, &m[REQUIRED], true);
    read_list(l, &m[OPTIONAL], false);
    catalog_finish_fields(l);
}

static bool add_type(struct catalog_load *l, struct catalog_type *type)
{
    struct catalog *c = l->catalog;
    if (c->type_count == c->type_capacity) {
        const size_t capacity = c->type_capacity == 0 ? 64 : c->type_capacity * 2;
        struct catalog_type **types = realloc(c->types, capacity * sizeof(void *));
        if (types == NULL)
            return false;
        c->types = types;
        c->type_capacity = capacity;
    }
    c->types[c->type_count++] = type;
    return true;
}

static bool is_type_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (!isalnum((unsigned char)name.data[i]) && strchr("._-:/", name.data[i]) == NULL)
            return false;
    }
    return name.size > 0 && name.size <= 100;
}

static void read_type(struct catalog_load *l, const struct gate_member *m)
{
    struct gate_member members[TYPE_MEMBERS];
    struct slice object, text;
    struct catalog_type *type = catalog_take(l, sizeof *type);
    if (type == NULL || !add_type(l, type))
        return;
    l->type = type;
    type->file = l->file_name;
    type->line = catalog_line(l, m->name.data);
    type->name = m->name;
    type->family = l->family;
    type->rule_field = CATALOG_NONE;
    if (!is_type_name(m->name))
        catalog_say(l, m->name.data, "a type's name has 1 to 100 letters, digits and ._-:/");
    if (!catalog_read_object(l, m, &object))
        return;
    catalog_read_members(l, object, type_names, members);
    if (members[DESCRIPTION].value.data != NULL &&
        catalog_read_text(l, &members[DESCRIPTION], &text))
        type->description = members[DESCRIPTION].value;
    if (members[ALIASES].value.data != NULL &&
        !catalog_read_words(l, &members[ALIASES], &type->aliases))
        type->aliases.count = 0;
    read_condition(l, &members[WHEN]);
    read_fields(l, members);
    catalog_read_rules(l, &members[SEVERITY], &members[PRIORITY], &members[ROUTING_KEY]);
}

static void read_types(struct catalog_load *l, const struct gate_member *m)
{
    struct slice object;
    struct gate_member type;
    if (!catalog_read_object(l, m, &object))
        return;
    while (json_next_member(&object, &type)) {
        read_type(l, &type);
        l->type = NULL;
    }
}

static void read_family(struct catalog_load *l, const struct gate_member *m)
{
    if (m[FAMILY].value.data == NULL || m[TYPES].value.data == NULL) {
        catalog_say(l, l->text.data, "a file has a family and types");
        return;
    }
    if (!catalog_read_text(l, &m[FAMILY], &l->family))
        return;
    l->has_family_when =
        m[FAMILY_WHEN].value.data != NULL && read_when(l, &m[FAMILY_WHEN], &l->family_when);
    l->family_fields = (struct slice){0};
    if (m[FAMILY_FIELDS].value.data != NULL &&
        !catalog_read_object(l, &m[FAMILY_FIELDS], &l->family_fields))
        return;
    read_types(l, &m[TYPES]);
}

void catalog_read_file(struct catalog_load *l)
{
    static const struct gate_limits limits = {.depth = 16, .members = 65536, .digits = 65536};
    struct gate_member members[FAMILY_MEMBERS];
    struct gate_value value;
    struct gate_verdict verdict;
    struct gate *gate = gate_create(&limits);
    if (gate == NULL || !gate_scan_whole(gate, l->text, &value, &verdict))
        catalog_say(l, l->text.data + (gate == NULL ? 0 : verdict.offset), "%s",
                    gate == NULL ? "out of memory" : gate_fault_text(verdict.fault));
    else if (value.kind != GATE_OBJECT)
        catalog_say(l, l->text.data, "a file of the catalogue is a JSON object");
    else {
        catalog_read_members(l, value.text, family_names, members);
        read_family(l, members);
    }
    gate_destroy(gate);
}
