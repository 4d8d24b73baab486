/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of an event, and what may have been meant. Only refused events get here. */
#include <stdio.h>
#include <string.h>

#include "common/core/near.h"
#include "common/event/event_judging.h"
#include "common/json/json_text.h"
#include "common/json/json_walk.h"

enum { SUGGESTIONS_LOOKED_AT = 256 }; /* members of one event */

struct event_fault *event_add_fault(struct event_faults *faults, struct slice name)
{
    if (faults->count == EVENT_FAULTS_MAX)
        return NULL;
    struct event_fault *fault = &faults->fault[faults->count++];
    fault->pointer[0] = fault->detail[0] = '\0';
    if (name.data != NULL)
        json_pointer_add(fault->pointer, name);
    return fault;
}

void event_say(struct event_faults *faults, struct slice name, const char *detail)
{
    struct event_fault *fault = event_add_fault(faults, name);
    if (fault != NULL)
        snprintf(fault->detail, sizeof fault->detail, "%s", detail);
}

void event_say_inside(struct event_faults *faults, struct slice name,
                      const struct event_fault *found)
{
    struct event_fault *fault = event_add_fault(faults, name);
    if (fault == NULL)
        return;
    memcpy(fault->detail, found->detail, sizeof fault->detail);
    if (found->pointer[0] != '\0')
        json_pointer_add(fault->pointer, slice_of(found->pointer + 1));
}

size_t event_unknown_count(const struct reading *x)
{
    return x->reader->unknown.size / sizeof(uint32_t);
}

const struct gate_member *event_unknown_at(const struct reading *x, size_t i)
{
    uint32_t place;
    memcpy(&place, x->reader->unknown.data + i * sizeof place, sizeof place);
    return &x->object->members[place];
}

struct slice event_payload_name(const struct reading *x)
{
    const struct event_name *name = x->given[EVENT_FIELD_PAYLOAD];
    return name == NULL ? SLICE("payload") : name->text;
}

/* The unknown member nearest to a name, beside the payload or in it. */
static struct slice find_meant(const struct reading *x, struct slice name)
{
    struct gate_member m;
    struct slice rest = x->event.field[EVENT_FIELD_PAYLOAD];
    for (size_t i = 0; i < event_unknown_count(x) && i < SUGGESTIONS_LOOKED_AT; i++) {
        if (near_is(event_unknown_at(x, i)->name, name))
            return event_unknown_at(x, i)->name;
    }
    for (size_t i = 0; x->type != NULL && rest.data != NULL && i < SUGGESTIONS_LOOKED_AT; i++) {
        if (!json_next_member(&rest, &m))
            break;
        if (event_find_declared(x->type, &m) == CATALOG_NONE && near_is(m.name, name))
            return m.name;
    }
    return (struct slice){0};
}

void event_say_missing(struct reading *x, struct slice name, const char *detail)
{
    struct event_fault *fault = event_add_fault(x->faults, name);
    if (fault == NULL)
        return;
    const struct slice meant = find_meant(x, name);
    if (meant.data == NULL)
        snprintf(fault->detail, sizeof fault->detail, "%s", detail);
    else
        snprintf(fault->detail, sizeof fault->detail, "%s; is it meant by \"%.*s\"?", detail,
                 SLICE_ARGS(meant));
}

/* Of all names an event of this type may have, the nearest. */
static struct slice nearest_name(const struct reading *x, struct slice word)
{
    const struct event_name *name;
    struct near n = near_start(word);
    for (size_t i = 0; (name = event_names_at(i)) != NULL; i++)
        near_offer(&n, name->text);
    for (size_t i = 0; x->type != NULL && i < x->type->field_count; i++)
        near_offer(&n, x->type->fields[i].name);
    return n.found;
}

static bool was_told(const struct event_faults *faults, struct slice name)
{
    char pointer[JSON_POINTER_SIZE] = "";
    json_pointer_add(pointer, name);
    for (size_t i = 0; i < faults->count; i++) {
        if (strcmp(faults->fault[i].pointer, pointer) == 0)
            return true;
    }
    return false;
}

void event_suggest(struct reading *x)
{
    for (size_t i = 0; i < event_unknown_count(x) && i < SUGGESTIONS_LOOKED_AT; i++) {
        const struct slice word = event_unknown_at(x, i)->name;
        const struct slice meant = nearest_name(x, word);
        if (meant.data == NULL || was_told(x->faults, meant))
            continue;
        struct event_fault *fault = event_add_fault(x->faults, word);
        if (fault != NULL)
            snprintf(fault->detail, sizeof fault->detail,
                     "not a field of this event; did you mean \"%.*s\"?", SLICE_ARGS(meant));
    }
}
