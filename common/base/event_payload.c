/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payload goes through byte for byte. Only when a declared field came beside it, under an older
 * name, or has a default, is it written anew, and then each value still as it came.
 */
#include "common/base/event_reading.h"
#include "common/base/json_walk.h"

static void add_member(struct buffer *out, struct slice name, struct slice value)
{
    buffer_add(out, out->size == 0 ? "{\"" : ",\"", 2);
    buffer_add_slice(out, name);
    buffer_add(out, "\":", 2);
    buffer_add_slice(out, value);
}

static bool is_beside(const struct judging *j, size_t place)
{
    const struct event_found *found = &j->found[place];
    return j->type->fields[place].column == CATALOG_NONE && found->token.data != NULL &&
           !found->in_payload;
}

static bool is_changed(const struct judging *j)
{
    if (j->renamed)
        return true;
    for (size_t i = 0; i < j->type->field_count; i++) {
        if (is_beside(j, i))
            return true;
    }
    return false;
}

/* The declared name of what lies in the payload under an older one; else its own. */
static struct slice name_of(const struct judging *j, const struct gate_member *m)
{
    for (size_t i = 0; i < j->type->field_count; i++) {
        if (j->type->fields[i].column == CATALOG_NONE && j->found[i].in_payload &&
            j->found[i].token.data == m->value.data)
            return j->type->fields[i].name;
    }
    return m->name;
}

static void add_present(struct judging *j, struct slice payload)
{
    struct gate_member m;
    while (json_next_member(&payload, &m))
        add_member(&j->reading->reader->payload, name_of(j, &m), m.value);
}

void event_complete_payload(struct judging *j)
{
    struct reading *x = j->reading;
    struct buffer *out = &x->reader->payload;
    struct slice *payload = &x->event.field[EVENT_FIELD_PAYLOAD];
    if (!is_changed(j))
        return;
    for (size_t i = 0; i < j->type->field_count; i++) {
        if (is_beside(j, i))
            add_member(out, j->type->fields[i].name, j->found[i].token);
    }
    if (payload->data != NULL)
        add_present(j, *payload);
    buffer_add_byte(out, '}');
    if (out->failed)
        event_say(x->faults, (struct slice){0}, "out of memory");
    else
        *payload = buffer_slice(out);
}
