/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/draft.h"

#include <stdio.h>
#include <string.h>

#include "common/event/event.h"

static const struct {
    const char *name;
    enum event_field field;
} rows[] = {
#define X(symbol, option, letter, field, value, help)                                              \
    [DRAFT_##symbol] = {option, EVENT_FIELD_##field},
    EVENT_OPTIONS(X)
#undef X
};

static struct slice member_of(const struct options_found *option)
{
    return slice_of(event_field_name(rows[option->id].field));
}

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
        const bool is_boolean = event_field_kind(rows[option->id].field) == EVENT_KIND_BOOLEAN;
        snprintf(out_fault, 256, "--%s takes %s, not '%.100s'", rows[option->id].name,
                 is_boolean ? "true or false" : "a number", option->value);
        return false;
    }
    add_name(&d->members, member_of(option));
    buffer_add_slice(&d->members, value.text);
    return true;
}

bool draft_set(struct draft *d, struct gate *gate, const struct options_found *option,
               char out_fault[256])
{
    const enum event_kind kind = event_field_kind(rows[option->id].field);
    const bool repeats = kind == EVENT_KIND_OBJECT || kind == EVENT_KIND_TAGS;
    if (d->has[option->id] && !repeats) {
        snprintf(out_fault, 256, "--%s is given twice", rows[option->id].name);
        return false;
    }
    d->has[option->id] = true;
    switch (kind) {
    case EVENT_KIND_OBJECT:
        return add_pair(d, gate, option->value, out_fault);
    case EVENT_KIND_TAGS:
        add_comma(&d->tags);
        buffer_add_json_string(&d->tags, slice_of(option->value));
        return true;
    case EVENT_KIND_TEXT:
    case EVENT_KIND_SEVERITY:
    case EVENT_KIND_TIME:
        add_name(&d->members, member_of(option));
        buffer_add_json_string(&d->members, slice_of(option->value));
        return true;
    case EVENT_KIND_DURATION:
    case EVENT_KIND_BOOLEAN:
    case EVENT_KIND_POSITIVE:
    case EVENT_KIND_PRIORITY:
        return add_json(d, gate, option, out_fault);
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
