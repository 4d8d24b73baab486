/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/walk.h"

#include <assert.h>

#include "common/base/gate.h"
#include "common/base/json_text.h"

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
    while (rest->size > 0 && is_space(rest->data[0]))
        drop(rest, 1);
}

bool walk_byte(struct slice *rest, char byte)
{
    walk_space(rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    drop(rest, 1);
    return true;
}

static size_t string_size(struct slice text)
{
    size_t size = 1;
    while (text.data[size] != '"')
        size += text.data[size] == '\\' ? 2 : 1;
    return size + 1;
}

static size_t container_size(struct slice text)
{
    size_t size = 0, depth = 0;
    do {
        const char c = text.data[size];
        if (c == '"') {
            size += string_size((struct slice){text.data + size, text.size - size});
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        size++;
    } while (depth > 0);
    return size;
}

static size_t scalar_size(struct slice text)
{
    size_t size = 0;
    while (size < text.size && !is_space(text.data[size]) && text.data[size] != ',' &&
           text.data[size] != '}' && text.data[size] != ']')
        size++;
    return size;
}

static struct slice take_value(struct slice *rest)
{
    size_t size;
    walk_space(rest);
    assert(rest->size > 0);
    if (rest->data[0] == '"')
        size = string_size(*rest);
    else if (rest->data[0] == '{' || rest->data[0] == '[')
        size = container_size(*rest);
    else
        size = scalar_size(*rest);
    const struct slice value = {rest->data, size};
    drop(rest, size);
    return value;
}

/* Onto the next thing in a container. */
static bool step(struct slice *rest, char open, char close)
{
    if (!walk_byte(rest, open))
        (void)walk_byte(rest, ',');
    return !walk_byte(rest, close);
}

bool walk_member(struct slice *rest, struct slice *out_name, struct slice *out_value)
{
    if (!step(rest, '{', '}'))
        return false;
    *out_name = json_body_of(take_value(rest));
    (void)walk_byte(rest, ':');
    *out_value = take_value(rest);
    return true;
}

bool walk_element(struct slice *rest, struct slice *out_value)
{
    if (!step(rest, '[', ']'))
        return false;
    *out_value = take_value(rest);
    return true;
}

void walk_pick(struct slice object, const char *const *names, size_t count, struct slice *out)
{
    struct slice rest = object, name, value;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct slice){0};
    while (walk_member(&rest, &name, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (value.data[0] != 'n' && json_body_equals(name, slice_of(names[i])))
                out[i] = value;
        }
    }
}
