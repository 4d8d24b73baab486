/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event by the catalogue. What a type declares may stand at the top or in the payload: a column
 * is filled from wherever it stands, everything else ends in the payload. What the client says
 * itself about routing key and priority stands; so does its severity, unless the type works it out
 * from a number.
 *
 * The way: which type? - what of it is there, and where? - is it as it should be? - what follows?
 */
#include <stdio.h>
#include <string.h>

#include "common/core/near.h"
#include "common/event/catalog_value.h"
#include "common/event/event_judging.h"
#include "common/json/json_text.h"
#include "common/json/json_walk.h"

enum { NAME_ROOM = 256 };

static bool has_value(struct slice token, const struct catalog_words *words)
{
    char room[NAME_ROOM];
    if (words->count == 0)
        return true;
    const struct slice text =
        token.data[0] == '"' ? event_plain_text(json_body_of(token), room, sizeof room) : token;
    for (size_t i = 0; i < words->count; i++) {
        if (slice_equals(text, words->word[i]))
            return true;
    }
    return false;
}

static bool is_meant(const struct reading *x, const struct catalog_type *t)
{
    const struct slice token = x->event.field[t->when.column];
    const struct slice payload = x->event.field[EVENT_FIELD_PAYLOAD];
    struct gate_member m;
    if (!t->has_when)
        return true;
    if (token.data != NULL)
        return has_value(token, &t->when.words);
    return payload.data != NULL &&
           json_find_member(payload, slice_of(event_field_name(t->when.column)), &m) &&
           m.kind != GATE_NULL && has_value(m.value, &t->when.words);
}

static struct slice nearest_type(const struct catalog *c, struct slice name)
{
    struct near n = near_start(name);
    for (size_t i = 0; i < catalog_type_count(c); i++)
        near_offer(&n, catalog_type_at(c, i)->name);
    return n.found;
}

static void refuse_type(struct reading *x, struct slice name, bool known)
{
    struct event_fault *fault = event_add_fault(x->faults, x->given[EVENT_FIELD_EVENT_TYPE]->text);
    const struct slice meant =
        known ? (struct slice){0} : nearest_type(x->reader->catalog->types, name);
    if (fault == NULL)
        return;
    if (known)
        snprintf(fault->detail, sizeof fault->detail,
                 "expected a type of the catalogue; one of this name exists, but this event does "
                 "not meet its condition \"when\"");
    else
        snprintf(fault->detail, sizeof fault->detail,
                 "expected a type of the catalogue, got an unknown one%s%.*s%s",
                 meant.data != NULL ? "; did you mean \"" : "", SLICE_ARGS(meant),
                 meant.data != NULL ? "\"?" : "");
}

static const struct catalog_type *find_type(struct reading *x)
{
    char room[NAME_ROOM];
    const struct slice token = x->event.field[EVENT_FIELD_EVENT_TYPE];
    if (x->reader->catalog == NULL || token.data == NULL)
        return NULL;
    const struct slice name = event_plain_text(json_body_of(token), room, sizeof room);
    const struct catalog_type *first = catalog_find(x->reader->catalog->types, name);
    for (const struct catalog_type *t = first; t != NULL; t = t->next) {
        if (is_meant(x, t))
            return t;
    }
    if (x->reader->catalog->mode == CATALOG_STRICT)
        refuse_type(x, name, first != NULL);
    return NULL;
}

int event_find_declared(const struct catalog_type *t, const struct gate_member *m)
{
    char room[NAME_ROOM];
    if (!m->name_escaped)
        return catalog_type_find(t, m->name);
    return catalog_type_find(t, event_plain_text(m->name, room, sizeof room));
}

static bool is_there(const struct judging *j, size_t place)
{
    return (j->there & event_bit(place)) != 0;
}

static void note_columns(struct judging *j)
{
    const struct reading *x = j->reading;
    for (uint64_t set = j->type->sets.columns; set != 0; set &= set - 1) {
        const size_t place = (size_t)__builtin_ctzll(set);
        const int column = j->type->fields[place].column;
        if (x->given[column] == NULL)
            continue;
        j->found[place] =
            (struct event_found){.token = x->event.field[column], .under = x->given[column]->text};
        j->there |= event_bit(place);
        if (x->event.field[column].data == NULL)
            j->refused |= event_bit(place);
    }
}

static struct event_fault *fault_at(struct judging *j, struct slice name, bool in_payload)
{
    struct event_faults *faults = j->reading->faults;
    struct event_fault *fault =
        event_add_fault(faults, in_payload ? event_payload_name(j->reading) : name);
    if (fault != NULL && in_payload)
        json_pointer_add(fault->pointer, name);
    return fault;
}

static void say_twice(struct judging *j, const struct event_found *found,
                      const struct gate_member *m, bool in_payload)
{
    struct event_fault *fault = fault_at(j, m->name, in_payload);
    if (fault != NULL)
        snprintf(fault->detail, sizeof fault->detail,
                 "the same field as \"%.*s\", which is there too; send one of them",
                 SLICE_ARGS(found->under));
}

/* A column under a name only this type knows, or in the payload. */
static void read_column(struct judging *j, size_t place, const struct gate_member *m,
                        bool in_payload)
{
    struct reading *x = j->reading;
    const enum event_field column = (enum event_field)j->type->fields[place].column;
    const struct event_name *name = event_names_find(&x->reader->names, m->name);
    const struct event_name own = {j->type->fields[place].name, column, false, false};
    struct event_fault found;
    found.pointer[0] = '\0';
    if (name == NULL || name->field != column)
        name = &own;
    const struct event_given given = {name, m->value, m->kind};
    j->found[place] = (struct event_found){.under = m->name, .in_payload = in_payload};
    if (event_value_read(&given, &x->reader->scratch, &x->event.field[column], &found)) {
        j->found[place].token = x->event.field[column];
        return;
    }
    j->refused |= event_bit(place);
    struct event_fault *fault = fault_at(j, m->name, in_payload);
    if (fault != NULL)
        memcpy(fault->detail, found.detail, sizeof fault->detail);
}

static void put_beside(struct judging *j, size_t place)
{
    j->beside[j->beside_count++] = (uint8_t)place;
}

static void note_member(struct judging *j, size_t place, const struct gate_member *m,
                        bool in_payload)
{
    struct event_found *found = &j->found[place];
    const struct catalog_field *f = &j->type->fields[place];
    if (is_there(j, place)) {
        if (f->column == CATALOG_NONE || !in_payload || found->in_payload)
            say_twice(j, found, m, in_payload);
        return;
    }
    j->there |= event_bit(place);
    if (f->column != CATALOG_NONE) {
        read_column(j, place, m, in_payload);
        return;
    }
    *found = (struct event_found){.token = m->value, .under = m->name, .in_payload = in_payload};
    if (!in_payload)
        put_beside(j, place);
    else
        j->renamed = j->renamed || !slice_equals(m->name, f->name);
}

/* Takes those the type declares out of the unknown ones. */
static void note_unknown(struct judging *j)
{
    struct reading *x = j->reading;
    struct buffer *unknown = &x->reader->unknown;
    const size_t count = event_unknown_count(x);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gate_member *m = event_unknown_at(x, i);
        const int place = event_find_declared(j->type, m);
        if (place == CATALOG_NONE) {
            memmove(unknown->data + kept++ * sizeof(uint32_t), unknown->data + i * sizeof(uint32_t),
                    sizeof(uint32_t));
        } else if (m->kind != GATE_NULL) {
            note_member(j, (size_t)place, m, false);
        }
    }
    if (unknown->size > 0)
        buffer_truncate(unknown, kept * sizeof(uint32_t));
}

/* Objects and tags are columns at the top only: they would be stored twice. */
static bool is_read_in_payload(const struct catalog_field *f)
{
    return f->column == CATALOG_NONE || (f->kind != CATALOG_OBJECT && f->kind != CATALOG_ARRAY);
}

static void note_payload(struct judging *j)
{
    struct slice rest = j->reading->event.field[EVENT_FIELD_PAYLOAD];
    struct gate_member m;
    while (rest.data != NULL && json_next_member(&rest, &m)) {
        const int place = event_find_declared(j->type, &m);
        if (place != CATALOG_NONE && m.kind != GATE_NULL &&
            is_read_in_payload(&j->type->fields[place]))
            note_member(j, (size_t)place, &m, true);
    }
}

/* A text a column does not allow goes to the field that takes it. */
static void redirect(struct judging *j)
{
    for (uint64_t set = j->type->sets.redirected & j->there & ~j->refused; set != 0;
         set &= set - 1) {
        const size_t place = (size_t)__builtin_ctzll(set);
        const struct catalog_field *f = &j->type->fields[place];
        const size_t to = (size_t)f->otherwise;
        if (catalog_is_allowed(f, j->found[place].token) || is_there(j, to))
            continue;
        j->found[to] = j->found[place];
        j->there = (j->there | event_bit(to)) & ~event_bit(place);
        if (j->found[to].in_payload)
            j->renamed = true;
        else
            put_beside(j, to);
        j->reading->event.field[f->column] = (struct slice){0};
        j->reading->given[f->column] = NULL;
    }
}

static void say_required(struct judging *j, const struct catalog_field *f)
{
    char detail[160], expected[96];
    catalog_describe(f, expected, sizeof expected);
    snprintf(detail, sizeof detail, "expected %s, got nothing; %.*s needs it", expected,
             (int)(j->type->name.size < 40 ? j->type->name.size : 40), j->type->name.data);
    event_say_missing(j->reading, f->name, detail);
}

static void fill(struct judging *j, size_t place)
{
    const struct catalog_field *f = &j->type->fields[place];
    if (f->fallback.data == NULL) {
        say_required(j, f);
        return;
    }
    j->found[place] = (struct event_found){.token = f->fallback};
    j->there |= event_bit(place);
    if (f->column != CATALOG_NONE)
        j->reading->event.field[f->column] = f->fallback;
    else
        put_beside(j, place);
}

static void check_value(struct judging *j, size_t place)
{
    const struct event_found *found = &j->found[place];
    char detail[256];
    if (catalog_check_value(&j->type->fields[place], found->token, detail, sizeof detail))
        return;
    j->refused |= event_bit(place);
    struct event_fault *fault = fault_at(j, found->under, found->in_payload);
    if (fault != NULL)
        memcpy(fault->detail, detail, sizeof fault->detail);
}

/* In the order of the catalogue, which is the order faults are told in. */
static void check_fields(struct judging *j)
{
    const struct catalog_sets *sets = &j->type->sets;
    const uint64_t absent = sets->wanted & ~j->there;
    const uint64_t limited = sets->limited & j->there & ~j->refused;
    for (uint64_t set = absent | limited; set != 0; set &= set - 1) {
        const size_t place = (size_t)__builtin_ctzll(set);
        if ((absent & event_bit(place)) != 0)
            fill(j, place);
        else
            check_value(j, place);
    }
}

static const struct catalog_step *find_step(const struct judging *j)
{
    const struct catalog_type *t = j->type;
    if (t->rule_field == CATALOG_NONE || !is_there(j, (size_t)t->rule_field))
        return NULL;
    const double value = json_number(j->found[t->rule_field].token);
    const struct catalog_step *step = t->steps;
    while (value < step->at_least)
        step++;
    return step;
}

static void set_severity(struct judging *j)
{
    struct slice *severity = &j->reading->event.field[EVENT_FIELD_SEVERITY];
    const struct catalog_step *step = find_step(j);
    if (step == NULL && severity->data != NULL) {
        j->level = event_level_of_token(*severity);
        return;
    }
    j->level = step != NULL ? step->level : j->type->level;
    *severity = event_level_token(j->level);
}

static void set_priority(struct judging *j)
{
    static const char digits[] = "0123456789";
    struct slice *priority = &j->reading->event.field[EVENT_FIELD_PRIORITY];
    if (priority->data == NULL)
        *priority = (struct slice){digits + j->type->priority[j->level], 1};
}

void event_judge(struct reading *x)
{
    struct judging j;
    x->type = find_type(x);
    if (x->type == NULL)
        return;
    j.reading = x;
    j.type = x->type;
    j.there = 0;
    j.refused = 0;
    j.renamed = false;
    j.beside_count = 0;
    note_columns(&j);
    note_unknown(&j);
    note_payload(&j);
    redirect(&j);
    check_fields(&j);
    if (x->faults->count > 0)
        return;
    x->event.field[EVENT_FIELD_EVENT_TYPE] =
        (struct slice){j.type->name.data - 1, j.type->name.size + 2};
    set_severity(&j);
    set_priority(&j);
    event_set_routing_key(&j);
    event_complete_payload(&j);
}
