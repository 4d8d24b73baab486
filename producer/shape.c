/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/shape.h"

#include <stdio.h>
#include <string.h>

#include "common/json/json_text.h"
#include "producer/walk.h"

void shape_add(struct buffer *out, const char *name, struct slice token)
{
    const char last = out->size > 0 ? out->data[out->size - 1] : '{';
    buffer_add_text(out, last == '{' ? "\"" : ",\"");
    buffer_add_text(out, name);
    buffer_add_text(out, "\":");
    buffer_add_slice(out, token);
}

void shape_fault(struct event_faults *faults, const char *pointer, const char *detail)
{
    if (faults->count == EVENT_FAULTS_MAX)
        return;
    struct event_fault *fault = &faults->fault[faults->count++];
    *fault = (struct event_fault){0};
    snprintf(fault->pointer, sizeof fault->pointer, "%s", pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s", detail);
}

bool shape_move(struct event_fault *fault, const char *from, const char *to)
{
    char rest[sizeof fault->pointer];
    const size_t size = strlen(from);
    const char behind = strncmp(fault->pointer, from, size) == 0 ? fault->pointer[size] : '-';
    if (behind != '/' && behind != '\0')
        return false;
    memcpy(rest, fault->pointer + size, strlen(fault->pointer + size) + 1);
    snprintf(fault->pointer, sizeof fault->pointer, "%s%.*s", to,
             (int)(sizeof fault->pointer - strlen(to) - 1), rest);
    return true;
}

static bool turn_plain(const struct shape *s, const struct gate_value *value, struct buffer *out,
                       struct event_faults *out_faults)
{
    (void)s;
    (void)out_faults;
    if (value->kind != GATE_STRING)
        return true;
    buffer_add_byte(out, '{');
    shape_add(out, "type", SLICE("\"log\""));
    shape_add(out, "message", value->text);
    buffer_add_byte(out, '}');
    return true;
}

/* The one thing that can be wrong is the text. */
static void tell_plain(const struct shape *s, struct event_fault *fault)
{
    (void)s;
    (void)shape_move(fault, "/message", "");
}

const struct shape shape_plain = {turn_plain, tell_plain};

/* What else would be a field's name is too often something else in somebody's data. */
static const char *const payload_names[] = {
#define X(name, symbol) name,
    EVENT_EMIT_FIELDS(X)
#undef X
};
static const enum event_field payload_fields[] = {
#define X(name, symbol) EVENT_FIELD_##symbol,
    EVENT_EMIT_FIELDS(X)
#undef X
};

enum { PAYLOAD_FIELDS = sizeof payload_fields / sizeof payload_fields[0] };

/* Whether the field can hold such a thing; what it holds then is judged as in any event. */
static bool is_for_field(enum event_field field, struct slice token)
{
    const enum gate_kind kind = gate_kind_of(token.data[0]);
    switch (event_field_kind(field)) {
    case EVENT_KIND_TEXT:
        if (field == EVENT_FIELD_DESCRIPTION)
            return kind == GATE_STRING;
        return (kind == GATE_STRING && token.size > 2) || kind == GATE_NUMBER;
    case EVENT_KIND_SEVERITY:
    case EVENT_KIND_TIME:
        return kind == GATE_STRING;
    case EVENT_KIND_DURATION:
    case EVENT_KIND_POSITIVE:
    case EVENT_KIND_PRIORITY:
        return kind == GATE_NUMBER;
    case EVENT_KIND_BOOLEAN:
        return kind == GATE_FALSE || kind == GATE_TRUE;
    case EVENT_KIND_TAGS:
        return kind == GATE_ARRAY;
    case EVENT_KIND_OBJECT:
        return kind == GATE_OBJECT;
    }
    return false;
}

static bool turn_payload(const struct shape *s, const struct gate_value *value, struct buffer *out,
                         struct event_faults *out_faults)
{
    const struct shape_payload *x = (const struct shape_payload *)s;
    struct slice token[PAYLOAD_FIELDS];
    if (value->kind != GATE_OBJECT) {
        out_faults->count = 0;
        shape_fault(out_faults, "", "the data of an event is an object");
        return false;
    }
    walk_pick(value->text, payload_names, PAYLOAD_FIELDS, token);
    buffer_add_byte(out, '{');
    shape_add(out, "type", x->event_type);
    for (size_t i = 0; i < PAYLOAD_FIELDS; i++) {
        if (token[i].data != NULL && is_for_field(payload_fields[i], token[i]))
            shape_add(out, payload_names[i], token[i]);
    }
    shape_add(out, "data", value->text);
    buffer_add_byte(out, '}');
    return true;
}

static void tell_payload(const struct shape *s, struct event_fault *fault)
{
    (void)s;
    if (!shape_move(fault, "/data", ""))
        (void)shape_move(fault, "/payload", "");
}

void shape_payload_init(struct shape_payload *s, struct slice event_type)
{
    *s = (struct shape_payload){{turn_payload, tell_payload}, event_type};
}
