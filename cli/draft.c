/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/draft.h"

#include <stdio.h>
#include <string.h>

enum kind {
    TEXT, /* a string */
    JSON, /* a number or a boolean, as it stands */
    PAIR, /* KEY=VALUE, a member of an object */
    TAG,  /* a string of an array */
};

static const struct {
    const char *option, *member;
    enum kind kind;
} fields[] = {
#define X(symbol, option, letter, member, kind, value, help)                                       \
    [DRAFT_##symbol] = {option, member, kind},
    DRAFT_OPTIONS(X)
#undef X
};

void draft_finish(struct draft *d)
{
    buffer_finish(&d->members);
    buffer_finish(&d->payload);
    buffer_finish(&d->tags);
}

bool draft_is_empty(const struct draft *d)
{
    for (int i = 0; i < DRAFT_END; i++)
        if (d->has[i])
            return false;
    return true;
}

static bool is_json(struct gate *gate, struct slice text, struct gate_value *out)
{
    struct gate_verdict verdict;
    return gate_scan_whole(gate, text, out, &verdict);
}

static void add_comma(struct buffer *b)
{
    if (b->size > 0)
        buffer_add_byte(b, ',');
}

static void add_name(struct buffer *b, struct slice name)
{
    add_comma(b);
    buffer_add_json_string(b, name);
    buffer_add_byte(b, ':');
}

static bool add_pair(struct draft *d, struct gate *gate, const char *text, char out_fault[256])
{
    struct gate_value value;
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        snprintf(out_fault, 256, "-p takes KEY=VALUE, not '%.100s'", text);
        return false;
    }
    const struct slice raw = slice_of(equals + 1);
    add_name(&d->payload, (struct slice){text, (size_t)(equals - text)});
    if (is_json(gate, raw, &value))
        buffer_add_slice(&d->payload, value.text);
    else
        buffer_add_json_string(&d->payload, raw);
    return true;
}

static bool add_json(struct draft *d, struct gate *gate, const struct options_found *option,
                     char out_fault[256])
{
    struct gate_value value;
    if (!is_json(gate, slice_of(option->value), &value) || value.kind == GATE_STRING ||
        value.kind >= GATE_ARRAY || value.kind == GATE_NULL) {
        snprintf(out_fault, 256, "--%s takes %s, not '%.100s'", fields[option->id].option,
                 option->id == DRAFT_SUCCESS ? "true or false" : "a number", option->value);
        return false;
    }
    add_name(&d->members, slice_of(fields[option->id].member));
    buffer_add_slice(&d->members, value.text);
    return true;
}

bool draft_set(struct draft *d, struct gate *gate, const struct options_found *option,
               char out_fault[256])
{
    const enum kind kind = fields[option->id].kind;
    const bool repeats = kind == PAIR || kind == TAG;
    if (d->has[option->id] && !repeats) {
        snprintf(out_fault, 256, "--%s is given twice", fields[option->id].option);
        return false;
    }
    d->has[option->id] = true;
    switch (kind) {
    case PAIR:
        return add_pair(d, gate, option->value, out_fault);
    case JSON:
        return add_json(d, gate, option, out_fault);
    case TAG:
        add_comma(&d->tags);
        buffer_add_json_string(&d->tags, slice_of(option->value));
        return true;
    case TEXT:
        add_name(&d->members, slice_of(fields[option->id].member));
        buffer_add_json_string(&d->members, slice_of(option->value));
        return true;
    }
    return false;
}

static void write_event(const struct draft *d, struct buffer *out)
{
    buffer_printf(out, "{%.*s", SLICE_ARGS(buffer_slice(&d->members)));
    if (d->tags.size > 0)
        buffer_printf(out, ",\"tags\":[%.*s]", SLICE_ARGS(buffer_slice(&d->tags)));
    if (d->payload.size > 0)
        buffer_printf(out, ",\"payload\":{%.*s}", SLICE_ARGS(buffer_slice(&d->payload)));
    buffer_add_text(out, "}");
}

bool draft_write(struct draft *d, struct gate *gate, struct buffer *out, char out_fault[256])
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (!d->has[DRAFT_TYPE]) {
        snprintf(out_fault, 256, "an event needs its type: -t TYPE");
        return false;
    }
    const size_t start = out->size;
    write_event(d, out);
    const struct slice event = {out->data + start, out->size - start};
    if (gate_scan_whole(gate, event, &value, &verdict))
        return true;
    snprintf(out_fault, 256, "%.100s%s%s", verdict.pointer, verdict.pointer[0] ? ": " : "",
             gate_fault_text(verdict.fault));
    buffer_truncate(out, start);
    return false;
}
