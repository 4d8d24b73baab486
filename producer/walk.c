/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/walk.h"

#include <assert.h>

#include "common/json/json_text.h"
#include "common/json/json_walk.h"

static void drop(struct slice *s, size_t size)
{
    assert(size <= s->size);
    s->data += size;
    s->size -= size;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void walk_space(struct slice *rest)
{
    size_t size = 0;
    while (size < rest->size && is_space(rest->data[size]))
        size++;
    drop(rest, size);
}

bool walk_byte(struct slice *rest, char byte)
{
    walk_space(rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    drop(rest, 1);
    return true;
}

void walk_pick(struct slice object, const char *const *names, size_t count, struct slice *out)
{
    struct slice rest = object;
    struct gate_member m;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct slice){0};
    while (json_next_member(&rest, &m)) {
        for (size_t i = 0; i < count; i++) {
            if (m.kind != GATE_NULL && json_body_equals(m.name, slice_of(names[i])))
                out[i] = m.value;
        }
    }
}
