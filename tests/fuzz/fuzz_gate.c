/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into the gate. What it accepts json-c accepts too, the members it hands out stand for
 * themselves, and no two have the same name; what it refuses it refuses with a place in the text
 * and a pointer that is valid UTF-8.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/gate.h"
#include "common/json/json_text.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* A step at a time the same is found. */
static void check_steps(struct gate *gate, struct slice text, bool good,
                        const struct gate_verdict *whole)
{
    struct gate_value value;
    struct gate_verdict verdict;
    enum gate_progress progress = GATE_MORE;
    gate_begin(gate, text);
    while (progress == GATE_MORE)
        progress = gate_step(gate, 1, &value, &verdict);
    CHECK((progress == GATE_GOOD) == good);
    CHECK(good || (verdict.fault == whole->fault && verdict.offset == whole->offset));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gate_limits limits = {.depth = 32, .members = 256, .digits = 200000};

static void check_pointer(const char *pointer)
{
    const char *end = pointer + strlen(pointer);
    CHECK(pointer[0] == '\0' || pointer[0] == '/');
    for (const char *p = pointer; p < end;) {
        const size_t size = json_utf8_size(p, end);
        CHECK(size > 0);
        p += size;
    }
}

static json_type type_of(enum gate_kind kind)
{
    static const json_type types[] = {
        [GATE_NULL] = json_type_null,     [GATE_FALSE] = json_type_boolean,
        [GATE_TRUE] = json_type_boolean,  [GATE_NUMBER] = json_type_double,
        [GATE_STRING] = json_type_string, [GATE_ARRAY] = json_type_array,
        [GATE_OBJECT] = json_type_object};
    return types[kind];
}

/* json-c reads a number alone only up to a NUL. */
static void check_parsed(const char *ended, size_t size, int flags, enum gate_kind kind)
{
    struct json_tokener *tokener = json_tokener_new_ex(64);
    CHECK(tokener != NULL && size < 1 << 30 && ended[size] == '\0');
    json_tokener_set_flags(tokener, flags);
    struct json_object *object = json_tokener_parse_ex(tokener, ended, (int)size + 1);
    CHECK(json_tokener_get_error(tokener) == json_tokener_success);
    const json_type type = json_object_get_type(object);
    CHECK(type == type_of(kind) || (kind == GATE_NUMBER && type == json_type_int));
    json_object_put(object);
    json_tokener_free(tokener);
}

/* What json-c of any version can read strictly: from 0.17 on it refuses integers past 64 bits then,
 * and 0.18 every byte past ASCII, as a control character. The size of what is left. */
static size_t make_plain(char *text, size_t size)
{
    size_t plain = 0, digits = 0;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits <= 18)
            text[plain++] = (unsigned char)c < 0x80 ? c : '?';
    }
    text[plain] = '\0';
    return plain;
}

static void check_with_json_c(struct slice text, enum gate_kind kind)
{
    char *copy = malloc(text.size + 1);
    CHECK(copy != NULL);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    check_parsed(copy, text.size, JSON_TOKENER_VALIDATE_UTF8, kind);
    const size_t plain = make_plain(copy, text.size);
    check_parsed(copy, plain, JSON_TOKENER_STRICT, kind);
    free(copy);
}

static void check_members(struct gate *inner, const struct gate_value *value)
{
    CHECK(value->kind == GATE_OBJECT || (value->members == NULL && value->member_count == 0));
    for (size_t i = 0; i < value->member_count; i++) {
        const struct gate_member *m = &value->members[i];
        struct gate_value again;
        struct gate_verdict verdict;
        CHECK(gate_scan_whole(inner, m->value, &again, &verdict));
        CHECK(again.kind == m->kind && slice_equals(again.text, m->value));
        CHECK(m->name_escaped ==
              (m->name.size > 0 && memchr(m->name.data, '\\', m->name.size) != NULL));
        for (size_t j = 0; j < i && j < 32; j++)
            CHECK(!json_body_equals(m->name, value->members[j].name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gate *gate, *inner;
    const struct slice text = {(const char *)data, size};
    struct gate_value value;
    struct gate_verdict verdict;
    if (gate == NULL) {
        gate = gate_create(&limits);
        inner = gate_create(&limits);
        CHECK(gate != NULL && inner != NULL);
    }
    const bool good = gate_scan_whole(gate, text, &value, &verdict);
    check_steps(inner, text, good, &verdict);
    if (good) {
        check_with_json_c(value.text, value.kind);
        check_members(inner, &value);
    } else {
        CHECK(verdict.fault != GATE_FAULT_NONE && verdict.fault != GATE_FAULT_MEMORY);
        CHECK(verdict.offset <= size);
        CHECK(verdict.fault != GATE_FAULT_ENDED || verdict.offset == size);
        check_pointer(verdict.pointer);
    }
    return 0;
}
