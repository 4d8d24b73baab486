/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/catalog_member.h"

#include <stdlib.h>

#include "common/core/near.h"
#include "common/json/json_walk.h"

enum { TEXT_SIZE_MAX = 255 };

static void say_unknown(struct catalog_load *l, const struct gate_member *m,
                        const char *const *names)
{
    struct near n = near_start(m->name);
    for (size_t i = 0; names[i] != NULL; i++)
        near_offer(&n, slice_of(names[i]));
    if (n.found.data == NULL)
        catalog_say(l, m->name.data, "\"%.*s\" means nothing here", SLICE_ARGS(m->name));
    else
        catalog_say(l, m->name.data, "\"%.*s\" means nothing here; did you mean \"%.*s\"?",
                    SLICE_ARGS(m->name), SLICE_ARGS(n.found));
}

void catalog_read_members(struct catalog_load *l, struct slice object, const char *const *names,
                          struct gate_member *out)
{
    struct gate_member m;
    for (size_t i = 0; names[i] != NULL; i++)
        out[i] = (struct gate_member){.name = slice_of(names[i])};
    while (json_next_member(&object, &m)) {
        size_t i = 0;
        while (names[i] != NULL && !slice_equals(m.name, slice_of(names[i])))
            i++;
        if (names[i] != NULL)
            out[i] = m;
        else
            say_unknown(l, &m, names);
    }
}

static bool is_plain(struct slice token)
{
    if (token.data[0] != '"' || token.size <= 2 || token.size > TEXT_SIZE_MAX + 2)
        return false;
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] < ' ' || token.data[i] > '~' || token.data[i] == '\\')
            return false;
    }
    return true;
}

bool catalog_read_text(struct catalog_load *l, const struct gate_member *m, struct slice *out)
{
    if (!is_plain(m->value)) {
        catalog_say(l, m->value.data,
                    "%.*s: expected a text of 1 to %d ASCII letters without escapes",
                    SLICE_ARGS(m->name), TEXT_SIZE_MAX);
        return false;
    }
    *out = (struct slice){m->value.data + 1, m->value.size - 2};
    return true;
}

bool catalog_read_number(struct catalog_load *l, const struct gate_member *m, double *out)
{
    if (m->kind != GATE_NUMBER || m->value.size > 20) {
        catalog_say(l, m->value.data, "%.*s: expected a number", SLICE_ARGS(m->name));
        return false;
    }
    *out = strtod(m->value.data, NULL);
    return true;
}

bool catalog_read_object(struct catalog_load *l, const struct gate_member *m, struct slice *out)
{
    if (m->kind != GATE_OBJECT) {
        catalog_say(l, m->value.data, "%.*s: expected an object", SLICE_ARGS(m->name));
        return false;
    }
    *out = m->value;
    return true;
}

static size_t count_elements(struct slice array)
{
    struct slice element;
    size_t count = 0;
    while (json_next_element(&array, &element))
        count++;
    return count;
}

bool catalog_read_words(struct catalog_load *l, const struct gate_member *m,
                        struct catalog_words *out)
{
    const size_t count = m->kind == GATE_ARRAY ? count_elements(m->value) : 0;
    struct slice rest = m->value;
    if (count == 0) {
        catalog_say(l, m->value.data, "%.*s: expected an array of texts", SLICE_ARGS(m->name));
        return false;
    }
    struct slice *words = catalog_take(l, count * sizeof *words);
    if (words == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct gate_member element = {.name = m->name};
        if (!json_next_element(&rest, &element.value) || !catalog_read_text(l, &element, &words[i]))
            return false;
    }
    *out = (struct catalog_words){words, count};
    return true;
}
