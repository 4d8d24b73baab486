/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/otlp_names.h"

#include <stdio.h>

#include "common/json/json_text.h"
#include "common/json/json_walk.h"

enum { NAME_TOLD_BYTES = 48 }; /* of a member's name: its pointer has the way to it in front */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Equal but for underscores and capitals: log_records, LogRecords. */
static bool is_spelling_of(struct slice name, const char *known)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '_')
            continue;
        if (*known == '\0' || lower(name.data[i]) != lower(*known))
            return false;
        known++;
    }
    return *known == '\0';
}

static const char *meant_by(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_spelling_of(name, names[i]))
            return names[i];
    }
    return NULL;
}

static size_t find(const struct gate_member *m, const struct otlp_names *names)
{
    size_t i = 0;
    while (i < names->count && !json_body_equals(m->name, slice_of(names->names[i])))
        i++;
    return i;
}

static bool tell(struct event_fault *fault, struct slice name, const char *problem,
                 const char *expected)
{
    size_t size = name.size < NAME_TOLD_BYTES ? name.size : NAME_TOLD_BYTES;
    while (size < name.size && ((uint8_t)name.data[size] & 0xC0) == 0x80)
        size--;
    name.size = size;
    fault->pointer[0] = '\0';
    json_pointer_add(fault->pointer, name);
    snprintf(fault->detail, sizeof fault->detail, "%s: expected \"%s\"", problem, expected);
    return false;
}

bool otlp_pick(struct slice object, const struct otlp_names *names, struct slice *out,
               struct event_fault *out_fault)
{
    struct gate_member m;
    struct slice unknown = {0};
    bool has_list = names->list == OTLP_NO_LIST;
    for (size_t i = 0; i < names->count; i++)
        out[i] = (struct slice){0};
    while (json_next_member(&object, &m)) {
        const size_t place = find(&m, names);
        const char *meant =
            place == names->count ? meant_by(m.name, names->names, names->count) : NULL;
        if (meant != NULL)
            return tell(out_fault, m.name, "OTLP in JSON spells it otherwise", meant);
        if (place == names->count)
            unknown = m.name;
        else if (m.kind != GATE_NULL)
            out[place] = m.value;
        has_list = has_list || (int)place == names->list;
    }
    return has_list || unknown.data == NULL ||
           tell(out_fault, unknown, "not a member of OTLP logs", names->names[names->list]);
}

bool otlp_is_misspelt(struct slice object, const char *const *names, size_t count)
{
    struct gate_member m;
    while (json_next_member(&object, &m)) {
        const char *meant = meant_by(m.name, names, count);
        if (meant != NULL && !json_body_equals(m.name, slice_of(meant)))
            return true;
    }
    return false;
}
