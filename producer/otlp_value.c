/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists lie inside lists. The open ones are on a stack of their own, deeper than the gate lets
 * text nest.
 */
#include "producer/otlp_value.h"

#include <inttypes.h>

#include "common/json/gate.h"
#include "common/json/json_text.h"
#include "common/json/json_walk.h"
#include "producer/otlp_names.h"
#include "producer/walk.h"

/* An AnyValue in a list is three levels deeper than that list, and the gate allows 64. */
enum { LISTS_MAX = 24 };

enum value_name { STRING, BOOL, INT, DOUBLE, BYTES, ARRAY, KVLIST, VALUE_NAMES };

static const char *const value_names[VALUE_NAMES] = {"stringValue", "boolValue",  "intValue",
                                                     "doubleValue", "bytesValue", "arrayValue",
                                                     "kvlistValue"};

struct list { /* an open one */
    struct slice rest;
    bool is_object;
};

struct lists {
    struct list list[LISTS_MAX];
    size_t count;
    const char *taken; /* a name that stands in the outermost object already; or NULL */
    struct buffer *out;
};

static enum gate_kind kind_of(struct slice token)
{
    return token.data == NULL ? GATE_NULL : gate_kind_of(token.data[0]);
}

bool otlp_read_u64(struct slice token, uint64_t *out_value)
{
    const bool quoted = kind_of(token) == GATE_STRING;
    return slice_to_u64(quoted ? json_body_of(token) : token, UINT64_MAX, out_value);
}

static bool add_int(struct slice token, struct buffer *out)
{
    const struct slice text = kind_of(token) == GATE_STRING ? json_body_of(token) : token;
    const bool minus = text.size > 0 && text.data[0] == '-';
    const uint64_t most = minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value;
    if (!slice_to_u64((struct slice){text.data + minus, text.size - minus}, most, &value))
        return false;
    buffer_printf(out, "%s%" PRIu64, minus ? "-" : "", value);
    return true;
}

static bool add_kind(struct slice token, enum gate_kind a, enum gate_kind b, struct buffer *out)
{
    const enum gate_kind kind = kind_of(token);
    buffer_add_slice(out, token);
    return kind == a || kind == b;
}

static bool open_list(struct lists *l, struct slice holder, bool is_object)
{
    static const char *const names[] = {"values"};
    struct slice values = {0};
    if (kind_of(holder) != GATE_OBJECT || l->count == LISTS_MAX)
        return false;
    walk_pick(holder, names, 1, &values);
    if (values.data == NULL)
        values = SLICE("[]");
    if (kind_of(values) != GATE_ARRAY)
        return false;
    buffer_add_byte(l->out, is_object ? '{' : '[');
    l->list[l->count++] = (struct list){values, is_object};
    return true;
}

/* Writes it, or opens the list it is. */
static bool add_any(struct lists *l, struct slice value)
{
    struct slice held[VALUE_NAMES];
    size_t i = 0;
    if (value.data == NULL || kind_of(value) == GATE_NULL) {
        buffer_add_text(l->out, "null");
        return true;
    }
    if (kind_of(value) != GATE_OBJECT)
        return false;
    walk_pick(value, value_names, VALUE_NAMES, held);
    while (i < VALUE_NAMES && held[i].data == NULL)
        i++;
    switch ((enum value_name)i) {
    case STRING:
    case BYTES:
        return add_kind(held[i], GATE_STRING, GATE_STRING, l->out);
    case BOOL:
        return add_kind(held[i], GATE_TRUE, GATE_FALSE, l->out);
    case INT:
        return add_int(held[i], l->out);
    case DOUBLE: /* NaN and the infinities are strings */
        return add_kind(held[i], GATE_NUMBER, GATE_STRING, l->out);
    case ARRAY:
    case KVLIST:
        return open_list(l, held[i], i == KVLIST);
    case VALUE_NAMES:
        break;
    }
    if (otlp_is_misspelt(value, value_names, VALUE_NAMES))
        return false;
    buffer_add_text(l->out, "null");
    return true;
}

static void add_comma(struct buffer *out)
{
    const char last = out->size > 0 ? out->data[out->size - 1] : '[';
    if (last != '{' && last != '[')
        buffer_add_byte(out, ',');
}

static bool read_pair(struct slice pair, struct slice *out_key, struct slice *out_value)
{
    static const char *const names[] = {"key", "value"};
    struct slice found[2];
    if (kind_of(pair) != GATE_OBJECT)
        return false;
    walk_pick(pair, names, 2, found);
    *out_key = found[0].data != NULL ? found[0] : SLICE("\"\"");
    *out_value = found[1];
    return kind_of(*out_key) == GATE_STRING;
}

static void add_name(struct lists *l, struct slice key)
{
    const bool is_taken = l->count == 1 && l->taken != NULL &&
                          json_body_equals(json_body_of(key), slice_of(l->taken));
    if (is_taken)
        buffer_printf(l->out, "\"attributes.%s\":", l->taken);
    else
        buffer_printf(l->out, "%.*s:", SLICE_ARGS(key));
}

/* The next of the innermost list, or its end. */
static bool step(struct lists *l)
{
    struct list *top = &l->list[l->count - 1];
    struct slice value, key;
    if (!json_next_element(&top->rest, &value)) {
        buffer_add_byte(l->out, top->is_object ? '}' : ']');
        l->count--;
        return true;
    }
    add_comma(l->out);
    if (!top->is_object)
        return add_any(l, value);
    if (!read_pair(value, &key, &value))
        return false;
    add_name(l, key);
    return add_any(l, value);
}

static bool finish(struct lists *l)
{
    while (l->count > 0) {
        if (!step(l))
            return false;
    }
    return true;
}

bool otlp_add_value(struct slice value, struct buffer *out)
{
    struct lists l = {.out = out};
    return add_any(&l, value) && finish(&l);
}

static bool add_list(struct lists *l, struct slice attributes)
{
    const struct slice list = attributes.data != NULL ? attributes : SLICE("[]");
    if (kind_of(list) != GATE_ARRAY)
        return false;
    l->list[l->count++] = (struct list){list, true};
    return finish(l);
}

bool otlp_add_attributes(struct slice attributes, struct buffer *out)
{
    struct lists l = {.out = out};
    buffer_add_byte(out, '{');
    return add_list(&l, attributes);
}

bool otlp_complete(struct slice attributes, const char *taken, struct buffer *out)
{
    struct lists l = {.out = out, .taken = taken};
    return add_list(&l, attributes);
}

struct slice otlp_find_text(struct slice attributes, const char *key)
{
    static const char *const names[] = {"stringValue"};
    struct slice rest = attributes, pair, name, value, text;
    if (kind_of(attributes) != GATE_ARRAY)
        return (struct slice){0};
    while (json_next_element(&rest, &pair)) {
        if (!read_pair(pair, &name, &value) || kind_of(value) != GATE_OBJECT ||
            !json_body_equals(json_body_of(name), slice_of(key)))
            continue;
        walk_pick(value, names, 1, &text);
        return kind_of(text) == GATE_STRING ? text : (struct slice){0};
    }
    return (struct slice){0};
}
