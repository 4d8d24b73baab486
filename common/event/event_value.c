/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/event_value.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event_level.h"
#include "common/json/json_text.h"

#define TAGS_MAX           64
#define TAG_CHARACTERS_MAX 100
#define ECHO_BYTES_MAX     40

struct kind_rule {
    enum gate_kind kind;  /* of the token, as a rule */
    const char *expected; /* for the fault */
};

static const struct kind_rule rules[] = {
    [EVENT_KIND_TEXT] = {GATE_STRING, "a string"},
    [EVENT_KIND_SEVERITY] = {GATE_STRING, "one of debug, info, warning, error, critical"},
    [EVENT_KIND_TIME] = {GATE_STRING, "a time such as \"2026-01-31T12:00:00Z\" (RFC 3339)"},
    [EVENT_KIND_TAGS] = {GATE_ARRAY, "an array of strings"},
    [EVENT_KIND_DURATION] = {GATE_NUMBER, "a number that is not negative"},
    [EVENT_KIND_BOOLEAN] = {GATE_TRUE, "true or false"},
    [EVENT_KIND_POSITIVE] = {GATE_NUMBER, "a whole number from 1 to 9223372036854775807"},
    [EVENT_KIND_PRIORITY] = {GATE_NUMBER, "a whole number from 0 to 9"},
    [EVENT_KIND_OBJECT] = {GATE_OBJECT, "an object"},
};

static const unsigned character_limits[] = {
#define X(symbol, name, kind, limit) [EVENT_FIELD_##symbol] = (limit),
    EVENT_FIELDS(X)
#undef X
};

const char *event_kind_with_article(enum gate_kind kind)
{
    static const char *const texts[] = {
        [GATE_NULL] = "null",       [GATE_FALSE] = "a boolean", [GATE_TRUE] = "a boolean",
        [GATE_NUMBER] = "a number", [GATE_STRING] = "a string", [GATE_ARRAY] = "an array",
        [GATE_OBJECT] = "an object"};
    return texts[kind];
}

/* A value of the right kind is shown, when short; of another, its kind is told. */
static bool refuse(const struct event_given *given, struct event_fault *out_fault)
{
    const struct kind_rule *rule = &rules[event_field_kind(given->name->field)];
    if (given->kind == rule->kind && given->token.size <= ECHO_BYTES_MAX)
        snprintf(out_fault->detail, sizeof out_fault->detail, "expected %s, got %.*s",
                 rule->expected, SLICE_ARGS(given->token));
    else
        snprintf(out_fault->detail, sizeof out_fault->detail, "expected %s, got %s%s",
                 rule->expected, given->kind == rule->kind ? "another " : "",
                 event_kind_with_article(given->kind) + (given->kind == rule->kind ? 2 : 0));
    return false;
}

static bool refuse_size(struct event_fault *out_fault, const char *unit, size_t limit, size_t size)
{
    snprintf(out_fault->detail, sizeof out_fault->detail, "expected at most %zu %s, got %zu", limit,
             unit, size);
    return false;
}

struct text_size {
    size_t characters, bytes;
};

static struct text_size measure(struct slice body)
{
    struct text_size size = {0};
    char c[4];
    for (size_t bytes = json_body_next(&body, c); bytes > 0; bytes = json_body_next(&body, c)) {
        size.characters++;
        size.bytes += bytes;
    }
    return size;
}

static bool text_fits(enum event_field field, struct slice body, struct event_fault *out_fault)
{
    const bool must_not_be_empty = field == EVENT_FIELD_EVENT_ID ||
                                   field == EVENT_FIELD_EVENT_TYPE ||
                                   field == EVENT_FIELD_ROUTING_KEY;
    const unsigned limit = character_limits[field];
    if (body.size == 0 && must_not_be_empty) {
        snprintf(out_fault->detail, sizeof out_fault->detail,
                 "expected 1 to %u characters, got an empty string", limit);
        return false;
    }
    if (body.size <= limit) /* unescaped it is not longer */
        return true;
    const struct text_size size = measure(body);
    if (size.characters > limit)
        return refuse_size(out_fault, "characters", limit, size.characters);
    if (field == EVENT_FIELD_ROUTING_KEY && size.bytes > EVENT_ROUTING_KEY_BYTES_MAX)
        return refuse_size(out_fault, "bytes of UTF-8", EVENT_ROUTING_KEY_BYTES_MAX, size.bytes);
    return true;
}

/* The scratch must not move: its reader has made room for the whole event. */
static size_t begin_token(const struct buffer *scratch, size_t size)
{
    assert(scratch->capacity - scratch->size >= size);
    return scratch->size;
}

static struct slice end_token(const struct buffer *scratch, size_t begin)
{
    return (struct slice){scratch->data + begin, scratch->size - begin};
}

static struct slice quoted(struct slice text, struct buffer *scratch)
{
    const size_t begin = begin_token(scratch, text.size + 2);
    buffer_add_byte(scratch, '"');
    buffer_add_slice(scratch, text);
    buffer_add_byte(scratch, '"');
    return end_token(scratch, begin);
}

static bool read_text(const struct event_given *given, struct buffer *scratch,
                      struct slice *out_token, struct event_fault *out_fault)
{
    if (given->kind == GATE_ARRAY || given->kind == GATE_OBJECT)
        return refuse(given, out_fault);
    const bool is_string = given->kind == GATE_STRING;
    const struct slice body = is_string ? json_body_of(given->token) : given->token;
    if (!text_fits(given->name->field, body, out_fault))
        return false;
    *out_token = is_string ? given->token : quoted(body, scratch);
    return true;
}

struct slice event_plain_text(struct slice body, char *room, size_t size)
{
    size_t used = 0;
    if (memchr(body.data, '\\', body.size) == NULL)
        return body;
    while (body.size > 0) {
        if (size - used < 4)
            return (struct slice){0};
        used += json_body_next(&body, room + used);
    }
    return (struct slice){room, used};
}

/* Says what was meant when that can be guessed. */
static bool read_severity(const struct event_given *given, struct slice *out_token,
                          struct event_fault *out_fault)
{
    char room[32];
    enum event_level level;
    if (given->kind != GATE_STRING)
        return refuse(given, out_fault);
    const struct slice text = event_plain_text(json_body_of(given->token), room, sizeof room);
    if (text.data != NULL && event_level_find(text, &level)) {
        *out_token = event_level_token(level);
        return true;
    }
    refuse(given, out_fault);
    const struct slice meant = event_level_near(text);
    const size_t size = strlen(out_fault->detail);
    if (meant.data != NULL)
        snprintf(out_fault->detail + size, sizeof out_fault->detail - size,
                 "; did you mean \"%.*s\"?", SLICE_ARGS(meant));
    return false;
}

static bool read_time(const struct event_given *given, struct buffer *scratch,
                      struct slice *out_token)
{
    char room[64], text[CLOCK_TEXT_SIZE + 1];
    int64_t wall_us;
    if (given->kind != GATE_STRING ||
        !clock_parse(event_plain_text(json_body_of(given->token), room, sizeof room), &wall_us))
        return false;
    clock_format(wall_us, text);
    *out_token = quoted((struct slice){text, CLOCK_TEXT_SIZE}, scratch);
    return true;
}

static bool read_tags(const struct event_given *given, struct slice *out_token,
                      struct event_fault *out_fault)
{
    struct slice rest = given->token, tag;
    size_t count = 0;
    if (given->kind != GATE_ARRAY)
        return refuse(given, out_fault);
    for (; event_next_tag(&rest, &tag); count++) {
        if (count == TAGS_MAX)
            return refuse_size(out_fault, "tags", TAGS_MAX, count + 1);
        const struct slice body = json_body_of(tag);
        if (body.size > TAG_CHARACTERS_MAX && measure(body).characters > TAG_CHARACTERS_MAX) {
            json_pointer_add_index(out_fault->pointer, count);
            return refuse_size(out_fault, "characters", TAG_CHARACTERS_MAX,
                               measure(body).characters);
        }
    }
    if (rest.size != 1) { /* stopped before the closing bracket */
        json_pointer_add_index(out_fault->pointer, count);
        snprintf(out_fault->detail, sizeof out_fault->detail, "expected a string, got %s",
                 event_kind_with_article(gate_kind_of(rest.data[0])));
        return false;
    }
    *out_token = given->token;
    return true;
}

static bool is_exponent(char c)
{
    return c == 'e' || c == 'E';
}

/* A number double precision can hold: not too large, and not so small that it would turn zero. What
 * is negative or turned zero has a digit that is not zero. A token is followed by a byte no number
 * goes on with. */
static bool is_duration(struct slice token)
{
    const double value = json_number(token);
    if (value > 0)
        return isfinite(value);
    for (size_t i = 0; i < token.size && !is_exponent(token.data[i]); i++) {
        if (token.data[i] >= '1' && token.data[i] <= '9')
            return false;
    }
    return true;
}

/* Moves the decimal point of a number without exponent three places, keeping every digit. */
static void add_shifted(struct slice token, struct buffer *scratch)
{
    const char *point = memchr(token.data, '.', token.size);
    const size_t whole = point == NULL ? token.size : (size_t)(point - token.data);
    const char *fraction = point == NULL ? NULL : point + 1;
    const size_t fraction_size = point == NULL ? 0 : token.size - whole - 1;
    bool leading = true;
    for (size_t i = 0; i < whole + 3; i++) {
        char digit = '0';
        if (i < whole)
            digit = token.data[i];
        else if (i - whole < fraction_size)
            digit = fraction[i - whole];
        leading = leading && digit == '0' && i + 1 < whole + 3;
        if (!leading)
            buffer_add_byte(scratch, (uint8_t)digit);
    }
    if (fraction_size > 3) {
        buffer_add_byte(scratch, '.');
        buffer_add(scratch, fraction + 3, fraction_size - 3);
    }
}

/* Seconds to milliseconds on the text: no digit is lost to binary arithmetic. */
static struct slice milliseconds(struct slice seconds, struct buffer *scratch)
{
    const size_t begin = begin_token(scratch, seconds.size + EVENT_VALUE_GROWTH);
    size_t mantissa = 0;
    while (mantissa < seconds.size && !is_exponent(seconds.data[mantissa]))
        mantissa++;
    if (strtod(seconds.data, NULL) == 0) {
        buffer_add_byte(scratch, '0');
    } else if (mantissa < seconds.size) {
        buffer_add(scratch, seconds.data, mantissa);
        buffer_printf(scratch, "e%ld", strtol(seconds.data + mantissa + 1, NULL, 10) + 3);
    } else {
        add_shifted(seconds, scratch);
    }
    const struct slice token = end_token(scratch, begin);
    buffer_add_byte(scratch, '\0'); /* ends the number for strtod */
    return token;
}

static bool read_duration(const struct event_given *given, struct buffer *scratch,
                          struct slice *out_token)
{
    struct slice token = given->token;
    if (given->kind != GATE_NUMBER || !is_duration(token))
        return false;
    if (given->name->in_seconds)
        token = milliseconds(token, scratch);
    if (!is_duration(token))
        return false;
    *out_token = token.data[0] == '-' ? SLICE("0") : token;
    return true;
}

static bool read_whole(const struct event_given *given, uint64_t from, uint64_t to,
                       struct slice *out_token)
{
    uint64_t value;
    if (given->kind != GATE_NUMBER || !slice_to_u64(given->token, to, &value) || value < from)
        return false;
    *out_token = given->token;
    return true;
}

static bool read_kind(const struct event_given *given, enum gate_kind a, enum gate_kind b,
                      struct slice *out_token)
{
    if (given->kind != a && given->kind != b)
        return false;
    *out_token = given->token;
    return true;
}

bool event_value_read(const struct event_given *given, struct buffer *scratch,
                      struct slice *out_token, struct event_fault *out_fault)
{
    bool good = false;
    switch (event_field_kind(given->name->field)) {
    case EVENT_KIND_TEXT:
        return read_text(given, scratch, out_token, out_fault);
    case EVENT_KIND_TAGS:
        return read_tags(given, out_token, out_fault);
    case EVENT_KIND_SEVERITY:
        return read_severity(given, out_token, out_fault);
    case EVENT_KIND_TIME:
        good = read_time(given, scratch, out_token);
        break;
    case EVENT_KIND_DURATION:
        good = read_duration(given, scratch, out_token);
        break;
    case EVENT_KIND_BOOLEAN:
        good = read_kind(given, GATE_TRUE, GATE_FALSE, out_token);
        break;
    case EVENT_KIND_POSITIVE:
        good = read_whole(given, 1, INT64_MAX, out_token);
        break;
    case EVENT_KIND_PRIORITY:
        good = read_whole(given, 0, 9, out_token);
        break;
    case EVENT_KIND_OBJECT:
        good = read_kind(given, GATE_OBJECT, GATE_OBJECT, out_token);
        break;
    }
    return good || refuse(given, out_fault);
}
