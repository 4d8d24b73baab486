/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payload goes through byte for byte. Only when a declared field came beside it, under an older
 * name, or has a default, is it written anew, and then each value still as it came.
 */
#include <string.h>

#include "common/event/event_judging.h"
#include "common/json/json_walk.h"

/* What a member adds to its name and value: a comma, two quotes, a colon. */
enum { MEMBER_BYTES = 4 };

static char *put(char *to, struct slice s)
{
    memcpy(to, s.data, s.size);
    return to + s.size;
}

static char *put_member(char *to, struct slice name, struct slice value)
{
    *to++ = ',';
    *to++ = '"';
    to = put(to, name);
    *to++ = '"';
    *to++ = ':';
    return put(to, value);
}

/* The declared name of what lies in the payload under an older one; else its own. */
static struct slice name_of(const struct judging *j, const struct gate_member *m)
{
    for (uint64_t set = j->there & ~j->type->sets.columns; set != 0; set &= set - 1) {
        const int place = __builtin_ctzll(set);
        if (j->found[place].in_payload && j->found[place].token.data == m->value.data)
            return j->type->fields[place].name;
    }
    return m->name;
}

/* Of all that is put; in a payload with older names any field may have its longer one. */
static size_t size_of(const struct judging *j, struct slice payload)
{
    size_t size = 2 + payload.size;
    for (size_t i = 0; i < j->beside_count; i++)
        size += j->type->fields[j->beside[i]].name.size + MEMBER_BYTES +
                j->found[j->beside[i]].token.size;
    for (size_t i = 0; j->renamed && i < j->type->field_count; i++)
        size += j->type->fields[i].name.size;
    return size;
}

static char *put_members(char *to, const struct judging *j, struct slice payload)
{
    struct gate_member m;
    for (size_t i = 0; i < j->beside_count; i++) {
        const size_t place = j->beside[i];
        to = put_member(to, j->type->fields[place].name, j->found[place].token);
    }
    while (payload.data != NULL && json_next_member(&payload, &m))
        to = put_member(to, j->renamed ? name_of(j, &m) : m.name, m.value);
    return to;
}

void event_complete_payload(struct judging *j)
{
    struct reading *x = j->reading;
    struct buffer *out = &x->reader->payload;
    struct slice *payload = &x->event.field[EVENT_FIELD_PAYLOAD];
    if (j->beside_count == 0 && !j->renamed)
        return;
    char *start = buffer_reserve(out, size_of(j, *payload));
    if (start == NULL) {
        x->no_memory = true;
        return;
    }
    char *end = put_members(start, j, *payload);
    start[0] = '{'; /* where the first comma is */
    *end++ = '}';
    *payload = (struct slice){start, (size_t)(end - start)};
}
