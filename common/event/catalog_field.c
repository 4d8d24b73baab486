/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a type. Its lists `required` and `optional` name them; what a name means is said by
 * the type's own `fields`, else by the family's, else by the column of that name.
 */
#include "common/event/catalog_member.h"

#include <math.h>
#include <string.h>

#include "common/event/catalog_value.h"
#include "common/json/json_walk.h"

enum { KIND, ENUM, MIN, MAX, SPELLINGS, OTHERWISE, DEFAULT, MEMBERS };

static const char *const member_names[] = {"kind",      "enum",      "min",     "max",
                                           "spellings", "otherwise", "default", NULL};

int catalog_column_of(struct slice name)
{
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (slice_equals(name, slice_of(event_field_name(f))))
            return (int)f;
    }
    return CATALOG_NONE;
}

static void read_kind(struct catalog_load *l, const struct gate_member *m, struct catalog_field *f)
{
    struct slice name;
    if (!catalog_read_text(l, m, &name))
        return;
    for (enum catalog_kind kind = 0; kind < CATALOG_KIND_COUNT; kind++) {
        if (slice_equals(name, slice_of(catalog_kind_name(kind)))) {
            f->kind = kind;
            f->has_kind = true;
        }
    }
    if (!f->has_kind)
        catalog_say(l, m->value.data,
                    "kind: expected text, uuid, integer, number, boolean, object, array or time, "
                    "got %.*s",
                    SLICE_ARGS(m->value));
}

/* A column says itself what it takes; of a text the catalogue may ask that it is a UUID. */
static void check_kind(struct catalog_load *l, const char *at, struct catalog_field *f)
{
    if (f->column == CATALOG_NONE) {
        if (!f->has_kind)
            catalog_say(l, at, "field \"%.*s\": its kind is missing", SLICE_ARGS(f->name));
        return;
    }
    const enum event_field column = (enum event_field)f->column;
    const enum catalog_kind own = catalog_kind_of_column(column);
    const bool is_text = event_field_kind(column) == EVENT_KIND_TEXT;
    if (!f->has_kind)
        f->kind = own;
    else if (f->kind != own && !(is_text && f->kind == CATALOG_UUID))
        catalog_say(l, at, "field \"%.*s\": it is a column, and of kind %s", SLICE_ARGS(f->name),
                    catalog_kind_name(own));
}

static void read_limit(struct catalog_load *l, const struct gate_member *m,
                       const struct catalog_field *f, double *out)
{
    if (!catalog_read_number(l, m, out))
        return;
    if (f->kind != CATALOG_INTEGER && f->kind != CATALOG_NUMBER)
        catalog_say(l, m->name.data, "%.*s: only numbers have one", SLICE_ARGS(m->name));
}

static void read_allowed(struct catalog_load *l, const struct gate_member *m,
                         struct catalog_field *f)
{
    if (f->kind != CATALOG_TEXT)
        catalog_say(l, m->name.data, "enum: only texts have one");
    if (!catalog_read_words(l, m, &f->allowed))
        f->allowed.count = 0;
}

static void read_default(struct catalog_load *l, const struct gate_member *m,
                         struct catalog_field *f)
{
    char detail[256];
    if (m->kind == GATE_OBJECT || m->kind == GATE_ARRAY || m->kind == GATE_NULL ||
        m->value.size > CATALOG_DEFAULT_BYTES_MAX)
        catalog_say(l, m->value.data, "default: expected a short text, a number or a boolean");
    else if (!catalog_check_value(f, m->value, detail, sizeof detail))
        catalog_say(l, m->value.data, "default: %s", detail);
    else
        f->fallback = m->value;
}

static void read_definition(struct catalog_load *l, struct slice object, struct catalog_field *f,
                            struct slice *out_otherwise)
{
    struct gate_member m[MEMBERS];
    catalog_read_members(l, object, member_names, m);
    if (m[KIND].value.data != NULL)
        read_kind(l, &m[KIND], f);
    check_kind(l, object.data, f);
    if (m[MIN].value.data != NULL)
        read_limit(l, &m[MIN], f, &f->min);
    if (m[MAX].value.data != NULL)
        read_limit(l, &m[MAX], f, &f->max);
    if (f->min > f->max)
        catalog_say(l, m[MIN].name.data, "min is more than max");
    if (m[ENUM].value.data != NULL)
        read_allowed(l, &m[ENUM], f);
    if (m[SPELLINGS].value.data != NULL && !catalog_read_words(l, &m[SPELLINGS], &f->spellings))
        f->spellings.count = 0;
    if (m[OTHERWISE].value.data != NULL && !catalog_read_text(l, &m[OTHERWISE], out_otherwise))
        *out_otherwise = (struct slice){0};
    if (m[DEFAULT].value.data != NULL)
        read_default(l, &m[DEFAULT], f);
}

static bool find_definition(const struct catalog_load *l, struct slice name,
                            struct gate_member *out)
{
    return (l->own_fields.data != NULL && json_find_member(l->own_fields, name, out)) ||
           (l->family_fields.data != NULL && json_find_member(l->family_fields, name, out));
}

static bool is_listed(const struct catalog_load *l, struct slice name)
{
    for (size_t i = 0; i < l->field_count; i++) {
        if (slice_equals(l->field[i].name, name))
            return true;
    }
    return false;
}

bool catalog_add_field(struct catalog_load *l, struct slice name, bool required)
{
    struct gate_member definition;
    if (is_listed(l, name)) {
        catalog_say(l, name.data, "field \"%.*s\" is listed twice", SLICE_ARGS(name));
        return false;
    }
    if (l->field_count == CATALOG_FIELDS_MAX) {
        catalog_say(l, name.data, "more than %d fields", CATALOG_FIELDS_MAX);
        return false;
    }
    struct catalog_field *f = &l->field[l->field_count];
    struct slice *otherwise = &l->otherwise[l->field_count];
    *f = (struct catalog_field){.name = name,
                                .column = catalog_column_of(name),
                                .required = required,
                                .min = -INFINITY,
                                .max = INFINITY,
                                .otherwise = CATALOG_NONE};
    *otherwise = (struct slice){0};
    if (find_definition(l, name, &definition)) {
        struct slice object;
        if (catalog_read_object(l, &definition, &object))
            read_definition(l, object, f, otherwise);
    } else if (f->column == CATALOG_NONE) {
        catalog_say(l, name.data, "field \"%.*s\" is neither defined in fields nor a column",
                    SLICE_ARGS(name));
    } else {
        f->kind = catalog_kind_of_column((enum event_field)f->column);
    }
    l->field_count++;
    return true;
}

static bool put_name(struct catalog_load *l, struct slice name, size_t place)
{
    struct catalog_type *t = l->type;
    const struct catalog_key key = catalog_key_of(name);
    size_t i = catalog_key_hash(&key) % CATALOG_SLOTS;
    if (catalog_type_find(l->type, name) != CATALOG_NONE) {
        catalog_say(l, name.data, "\"%.*s\" stands for two fields", SLICE_ARGS(name));
        return false;
    }
    while (t->slot[i] != 0)
        i = (i + 1) % CATALOG_SLOTS;
    t->names[t->name_count++] = (struct catalog_name){key, (int)place};
    t->slot[i] = (uint8_t)t->name_count;
    return true;
}

static void put_names(struct catalog_load *l)
{
    size_t names = 0;
    for (size_t i = 0; i < l->field_count; i++)
        names += 1 + l->field[i].spellings.count;
    if (names > CATALOG_SLOTS / 2) {
        catalog_say(l, l->type->name.data, "more than %d names of fields", CATALOG_SLOTS / 2);
        return;
    }
    l->type->names = catalog_take(l, names * sizeof *l->type->names);
    for (size_t i = 0; l->type->names != NULL && i < l->field_count; i++) {
        const struct catalog_words *spellings = &l->field[i].spellings;
        bool good = put_name(l, l->field[i].name, i);
        for (size_t k = 0; good && k < spellings->count; k++)
            good = put_name(l, spellings->word[k], i);
    }
}

static void resolve_otherwise(struct catalog_load *l, struct catalog_field *f, struct slice name)
{
    const int place = catalog_type_find(l->type, name);
    if (place == CATALOG_NONE || l->field[place].column != CATALOG_NONE ||
        l->field[place].kind != CATALOG_TEXT || f->column == CATALOG_NONE || f->allowed.count == 0)
        catalog_say(l, name.data,
                    "otherwise: a column with an enum may name a text of the payload here");
    else
        f->otherwise = place;
}

/* A column takes nothing but what it is. */
static bool is_limited(const struct catalog_field *f)
{
    return f->column == CATALOG_NONE || f->kind == CATALOG_UUID || f->allowed.count > 0 ||
           f->min != -INFINITY || f->max != INFINITY;
}

static struct catalog_sets sets_of(const struct catalog_type *t)
{
    struct catalog_sets sets = {0};
    for (size_t i = 0; i < t->field_count; i++) {
        const struct catalog_field *f = &t->fields[i];
        sets.columns |= (uint64_t)(f->column != CATALOG_NONE) << i;
        sets.wanted |= (uint64_t)(f->required || f->fallback.data != NULL) << i;
        sets.limited |= (uint64_t)is_limited(f) << i;
        sets.redirected |= (uint64_t)(f->otherwise != CATALOG_NONE) << i;
    }
    return sets;
}

static void check_own_fields(struct catalog_load *l)
{
    struct slice rest = l->own_fields;
    struct gate_member m;
    while (rest.data != NULL && json_next_member(&rest, &m)) {
        if (!is_listed(l, m.name))
            catalog_say(l, m.name.data, "field \"%.*s\" is neither required nor optional",
                        SLICE_ARGS(m.name));
    }
}

void catalog_finish_fields(struct catalog_load *l)
{
    check_own_fields(l);
    if (l->field_count == 0)
        return;
    struct catalog_field *fields = catalog_take(l, l->field_count * sizeof *fields);
    if (fields == NULL)
        return;
    memcpy(fields, l->field, l->field_count * sizeof *fields);
    l->type->fields = fields;
    l->type->field_count = l->field_count;
    put_names(l);
    for (size_t i = 0; i < l->field_count; i++) {
        if (l->otherwise[i].data != NULL)
            resolve_otherwise(l, &fields[i], l->otherwise[i]);
    }
    l->type->sets = sets_of(l->type);
}
