/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json_walk.h"

#include <assert.h>

#include "common/json/gate_text.h"
#include "common/json/json_text.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* p is on the opening quote. The gate's own way through a string is the fastest there is. */
static const char *skip_string(const char *p, const char *end, bool *out_escaped)
{
    struct gate_stop stop;
    const char *behind = gate_string(p + 1, end, out_escaped, &stop);
    assert(behind != NULL);
    return behind;
}

/* Brackets differ from braces in one bit: { } are [ ] with it. */
static const char *skip_container(const char *p, const char *end)
{
    size_t depth = 0;
    bool escaped;
    do {
        if (*p == '"') {
            p = skip_string(p, end, &escaped);
            continue;
        }
        const char c = (char)(*p++ | 0x20);
        depth += c == '{';
        depth -= c == '}';
    } while (depth > 0);
    return p;
}

/* The text goes on behind the value: it is inside a container. */
static const char *skip_value(const char *p, const char *end)
{
    bool escaped;
    if (*p == '"')
        return skip_string(p, end, &escaped);
    if (*p == '{' || *p == '[')
        return skip_container(p, end);
    while (*p != ',' && *p != '}' && *p != ']' && !is_space(*p))
        p++;
    return p;
}

/* To the next value of the container, or NULL at its end. */
static const char *next_start(struct slice *rest)
{
    const char *end = rest->data + rest->size;
    const char *p = rest->size == 0 ? end : skip_space(rest->data);
    if (p < end && (*p == '{' || *p == '[' || *p == ','))
        p = skip_space(p + 1);
    if (p < end && *p != '}' && *p != ']')
        return p;
    *rest = (struct slice){end, 0};
    return NULL;
}

bool json_next_member(struct slice *rest, struct gate_member *out)
{
    const char *end = rest->data + rest->size;
    const char *name = next_start(rest);
    if (name == NULL)
        return false;
    const char *name_end = skip_string(name, end, &out->name_escaped);
    const char *value = skip_space(skip_space(name_end) + 1);
    out->name = (struct slice){name + 1, (size_t)(name_end - name) - 2};
    const char *value_end = skip_value(value, end);
    out->value = (struct slice){value, (size_t)(value_end - value)};
    out->kind = gate_kind_of(*value);
    *rest = (struct slice){value_end, (size_t)(end - value_end)};
    return true;
}

bool json_next_element(struct slice *rest, struct slice *out)
{
    const char *end = rest->data + rest->size;
    const char *value = next_start(rest);
    if (value == NULL)
        return false;
    const char *value_end = skip_value(value, end);
    *out = (struct slice){value, (size_t)(value_end - value)};
    *rest = (struct slice){value_end, (size_t)(end - value_end)};
    return true;
}

bool json_find_member(struct slice object, struct slice name, struct gate_member *out)
{
    struct gate_member m;
    while (json_next_member(&object, &m)) {
        if (m.name_escaped ? json_body_equals(m.name, name) : slice_equals(m.name, name)) {
            *out = m;
            return true;
        }
    }
    return false;
}
