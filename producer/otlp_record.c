/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/json/json_text.h"
#include "producer/otlp_names.h"
#include "producer/otlp_private.h"
#include "producer/otlp_value.h"
#include "producer/walk.h"

enum { DESCRIPTION_BYTES_MAX = 65536 };

static const char *const record_names[RECORD_FIELDS] = {"timeUnixNano",
                                                        "observedTimeUnixNano",
                                                        "severityNumber",
                                                        "severityText",
                                                        "body",
                                                        "attributes",
                                                        "traceId",
                                                        "spanId",
                                                        "eventName",
                                                        "flags",
                                                        "droppedAttributesCount"};

static bool refuse_member(struct otlp_turning *t, const char *pointer, const char *detail)
{
    char place[JSON_POINTER_SIZE];
    snprintf(place, sizeof place, "/logRecords/%zu%.120s", t->record_at, pointer);
    return otlp_refuse_scope(t, place, detail);
}

static bool refuse_record(struct otlp_turning *t, enum record_field field, const char *detail)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s", record_names[field]);
    return refuse_member(t, pointer, detail);
}

static void add_string(struct otlp_turning *t, const char *name, const char *text)
{
    shape_add(t->out, name, SLICE("\""));
    buffer_add_text(t->out, text);
    buffer_add_byte(t->out, '"');
}

static void add_type(struct otlp_turning *t)
{
    struct slice type = t->field[EVENT_NAME];
    if (type.size <= 2)
        type = otlp_find_text(t->field[ATTRIBUTES], "event.name");
    shape_add(t->out, "type", type.size > 2 ? type : SLICE("\"log\""));
}

/* The names in use besides the numbers, as far as they say something. */
static struct slice severity_of_text(struct slice text)
{
    static const struct {
        const char *name;
        struct slice token;
    } names[] = {
        {"TRACE", {"\"debug\"", 7}},     {"DEBUG", {"\"debug\"", 7}},
        {"INFO", {"\"info\"", 6}},       {"WARN", {"\"warning\"", 9}},
        {"WARNING", {"\"warning\"", 9}}, {"ERROR", {"\"error\"", 7}},
        {"FATAL", {"\"critical\"", 10}}, {"CRITICAL", {"\"critical\"", 10}},
    };
    for (size_t i = 0; text.data != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (slice_equals_nocase(json_body_of(text), slice_of(names[i].name)))
            return names[i].token;
    }
    return (struct slice){0};
}

/* Numbers come in fours: TRACE from 1, DEBUG from 5, INFO, WARN, ERROR, FATAL from 21 to 24. */
static struct slice severity_of_number(uint64_t number)
{
    static const char *const levels[] = {"\"debug\"",   "\"debug\"", "\"info\"",
                                         "\"warning\"", "\"error\"", "\"critical\""};
    if (number == 0 || number > 24)
        return (struct slice){0};
    return slice_of(levels[(number - 1) / 4]);
}

static bool add_severity(struct otlp_turning *t)
{
    uint64_t number = 0;
    const struct slice given = t->field[NUMBER];
    if (given.data != NULL && !slice_to_u64(given, INT32_MAX, &number))
        return refuse_record(t, NUMBER, "expected a number");
    struct slice severity = severity_of_number(number);
    if (severity.data == NULL)
        severity = severity_of_text(t->field[TEXT]);
    if (severity.data != NULL)
        shape_add(t->out, "severity", severity);
    return true;
}

static bool read_time(struct otlp_turning *t, enum record_field field, uint64_t *out_ns)
{
    *out_ns = 0;
    return t->field[field].data == NULL || otlp_read_u64(t->field[field], out_ns) ||
           refuse_record(t, field, "expected nanoseconds, as a string of digits");
}

static bool add_time(struct otlp_turning *t)
{
    char text[CLOCK_TEXT_SIZE + 1];
    uint64_t time_ns, observed_ns;
    if (!read_time(t, TIME, &time_ns) || !read_time(t, OBSERVED, &observed_ns))
        return false;
    if (time_ns == 0)
        time_ns = observed_ns;
    if (time_ns == 0)
        return true;
    clock_format((int64_t)(time_ns / 1000), text);
    add_string(t, "time", text);
    return true;
}

/* Lower case, as everywhere else. No id, or one of zeros only, is none. */
static bool add_hex(struct otlp_turning *t, enum record_field field, const char *name,
                    size_t digits)
{
    char text[33] = "";
    bool is_zero = true;
    const struct slice given = t->field[field];
    if (given.data == NULL || given.size == 2)
        return true;
    if (given.size != digits + 2)
        return refuse_record(t, field,
                             digits == 32 ? "expected 32 hexadecimal digits"
                                          : "expected 16 hexadecimal digits");
    for (size_t i = 0; i < digits; i++) {
        const char c = given.data[i + 1];
        const char lower = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
        if (!(lower >= '0' && lower <= '9') && !(lower >= 'a' && lower <= 'f'))
            return refuse_record(t, field, "expected hexadecimal digits");
        is_zero = is_zero && lower == '0';
        text[i] = lower;
    }
    if (!is_zero)
        add_string(t, name, text);
    return true;
}

static void add_service(struct otlp_turning *t)
{
    if (t->service.data != NULL)
        shape_add(t->out, "service", t->service);
    if (t->service_version.data != NULL)
        shape_add(t->out, "service_version", t->service_version);
}

static bool add_payload(struct otlp_turning *t)
{
    static const char *const text_name[] = {"stringValue"};
    const struct slice body = t->field[BODY];
    struct slice text = {0};
    if (body.data != NULL && otlp_has_kind(body, GATE_OBJECT))
        walk_pick(body, text_name, 1, &text);
    if (text.data != NULL && otlp_has_kind(text, GATE_STRING) && text.size <= DESCRIPTION_BYTES_MAX)
        shape_add(t->out, "message", text);
    shape_add(t->out, "payload", SLICE("{"));
    if (body.data != NULL) {
        shape_add(t->out, "body", (struct slice){"", 0});
        if (!otlp_add_value(body, t->out))
            return refuse_record(t, BODY, OTLP_NO_VALUE);
    }
    return otlp_complete(t->field[ATTRIBUTES], body.data != NULL ? "body" : NULL, t->out) ||
           refuse_record(t, ATTRIBUTES, OTLP_NO_ATTRIBUTES);
}

static void add_metadata(struct otlp_turning *t)
{
    static const struct {
        enum record_field field;
        const char *name;
    } kept[] = {{TIME, "time_unix_nano"},
                {OBSERVED, "observed_time_unix_nano"},
                {NUMBER, "severity_number"},
                {TEXT, "severity_text"},
                {FLAGS, "flags"},
                {DROPPED, "dropped_attributes_count"}};
    shape_add(t->out, "metadata", SLICE("{"));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (t->field[kept[i].field].data != NULL)
            shape_add(t->out, kept[i].name, t->field[kept[i].field]);
    }
    if (t->resource.size > 0)
        shape_add(t->out, "resource", buffer_slice(&t->resource));
    if (t->scope.size > 0)
        shape_add(t->out, "scope", buffer_slice(&t->scope));
    buffer_add_byte(t->out, '}');
}

static bool check_texts(struct otlp_turning *t)
{
    static const enum record_field texts[] = {TEXT, TRACE, SPAN, EVENT_NAME};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!otlp_has_kind(t->field[texts[i]], GATE_STRING))
            return refuse_record(t, texts[i], "expected a string");
    }
    return true;
}

/* Raw line breaks stand between tokens only, and would end the line. */
static void flatten(struct otlp_turning *t, size_t start)
{
    for (size_t i = start; i < t->out->size; i++) {
        if (t->out->data[i] == '\n' || t->out->data[i] == '\r')
            t->out->data[i] = ' ';
    }
}

/* Whatever is as long stands for it: a line that is too large is refused before it is read. */
static void add_too_large(struct otlp_turning *t)
{
    const size_t size = t->request.record_bytes_max + 1;
    char *room = buffer_reserve(t->out, size);
    if (room == NULL)
        return;
    memset(room, '-', size);
    t->out->size += size;
}

static bool end_line(struct otlp_turning *t)
{
    buffer_add_byte(t->out, '\n');
    if (t->out->failed || t->resource.failed || t->scope.failed)
        t->result = OTLP_NO_MEMORY;
    else if (t->out->size > t->end)
        t->result = OTLP_TOO_LARGE;
    return t->result == OTLP_TURNED;
}

bool otlp_add_record(struct otlp_turning *t, struct slice record)
{
    static const struct otlp_names names = {record_names, RECORD_FIELDS, OTLP_NO_LIST};
    const size_t start = t->out->size;
    struct event_fault fault;
    if (!otlp_has_kind(record, GATE_OBJECT))
        return otlp_refuse_scope(t, "/logRecords", "expected a list of objects");
    if (record.size > t->request.record_bytes_max) {
        add_too_large(t);
        return end_line(t);
    }
    if (!otlp_pick(record, &names, t->field, &fault))
        return refuse_member(t, fault.pointer, fault.detail);
    if (!check_texts(t))
        return false;
    buffer_add_byte(t->out, '{');
    add_type(t);
    add_service(t);
    if (!add_severity(t) || !add_time(t) || !add_hex(t, TRACE, "trace_id", 32) ||
        !add_hex(t, SPAN, "span_id", 16) || !add_payload(t))
        return false;
    add_metadata(t);
    buffer_add_byte(t->out, '}');
    flatten(t, start);
    return end_line(t);
}
