/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/catalog_value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/id.h"
#include "common/core/near.h"
#include "common/event/event_value.h"
#include "common/json/json_text.h"

enum { ECHO_BYTES_MAX = 40, ROOM = 64 };

static const struct {
    const char *name, *expected;
} kinds[] = {
#define X(symbol, name, expected) {name, expected},
    CATALOG_KINDS(X)
#undef X
};

const char *catalog_kind_name(enum catalog_kind kind)
{
    return kinds[kind].name;
}

const char *catalog_kind_expected(enum catalog_kind kind)
{
    return kinds[kind].expected;
}

enum catalog_kind catalog_kind_of_column(enum event_field column)
{
    static const enum catalog_kind of[] = {
        [EVENT_KIND_TEXT] = CATALOG_TEXT,        [EVENT_KIND_SEVERITY] = CATALOG_TEXT,
        [EVENT_KIND_TIME] = CATALOG_TIME,        [EVENT_KIND_TAGS] = CATALOG_ARRAY,
        [EVENT_KIND_DURATION] = CATALOG_NUMBER,  [EVENT_KIND_BOOLEAN] = CATALOG_BOOLEAN,
        [EVENT_KIND_POSITIVE] = CATALOG_INTEGER, [EVENT_KIND_PRIORITY] = CATALOG_INTEGER,
        [EVENT_KIND_OBJECT] = CATALOG_OBJECT,
    };
    return of[event_field_kind(column)];
}

static struct slice text_of(struct slice token, char room[ROOM])
{
    return event_plain_text(json_body_of(token), room, ROOM);
}

static bool is_word(const struct catalog_words *words, struct slice text)
{
    for (size_t i = 0; i < words->count; i++) {
        if (slice_equals(text, words->word[i]))
            return true;
    }
    return false;
}

/* The body of a string: an absolute one, or a path; its slash may be escaped. */
static bool is_uri(struct slice body)
{
    const size_t skip = body.size > 1 && body.data[0] == '\\';
    return body.size > 0 && (body.data[skip] == '/' || memchr(body.data, ':', body.size) != NULL);
}

/* Escapes are looked for only where the text as it came is none of the words. */
bool catalog_is_allowed(const struct catalog_field *f, struct slice token)
{
    char room[ROOM];
    return f->allowed.count == 0 ||
           (token.data[0] == '"' &&
            (is_word(&f->allowed, json_body_of(token)) ||
             is_word(&f->allowed, text_of(token, room)) ||
             (is_word(&f->allowed, SLICE("a URI")) && is_uri(json_body_of(token)))));
}

static bool is_uuid_text(struct slice text)
{
    if (text.size != ID_TEXT_SIZE || text.data[8] != '-' || text.data[13] != '-' ||
        text.data[18] != '-' || text.data[23] != '-')
        return false;
    unsigned digits = 0;
    for (size_t i = 0; i < ID_TEXT_SIZE; i++)
        digits += isxdigit((unsigned char)text.data[i]) != 0;
    return digits == ID_TEXT_SIZE - 4;
}

static bool is_uuid(struct slice token)
{
    char room[ROOM];
    return is_uuid_text(json_body_of(token)) || is_uuid_text(text_of(token, room));
}

static bool is_time(struct slice token)
{
    char room[ROOM];
    int64_t wall_us;
    return clock_parse(text_of(token, room), &wall_us);
}

static bool is_whole(struct slice token)
{
    for (size_t i = token.data[0] == '-'; i < token.size; i++) {
        if (token.data[i] < '0' || token.data[i] > '9')
            return false;
    }
    return true;
}

/* Behind a number stands a byte no number goes on with. */
static bool is_in_range(const struct catalog_field *f, struct slice token)
{
    if (f->min == -INFINITY && f->max == INFINITY)
        return true;
    const double value = json_number(token);
    return value >= f->min && value <= f->max;
}

static bool is_good(const struct catalog_field *f, struct slice token)
{
    const enum gate_kind kind = gate_kind_of(token.data[0]);
    switch (f->kind) {
    case CATALOG_TEXT:
        return kind == GATE_STRING && catalog_is_allowed(f, token);
    case CATALOG_UUID:
        return kind == GATE_STRING && is_uuid(token);
    case CATALOG_TIME:
        return kind == GATE_STRING && is_time(token);
    case CATALOG_INTEGER:
        return kind == GATE_NUMBER && is_whole(token) && is_in_range(f, token);
    case CATALOG_NUMBER:
        return kind == GATE_NUMBER && is_in_range(f, token);
    case CATALOG_BOOLEAN:
        return kind == GATE_TRUE || kind == GATE_FALSE;
    case CATALOG_OBJECT:
        return kind == GATE_OBJECT;
    case CATALOG_ARRAY:
        return kind == GATE_ARRAY;
    case CATALOG_KIND_COUNT:
        break;
    }
    return false;
}

static size_t add(char *out, size_t size, struct slice text)
{
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%.*s", SLICE_ARGS(text));
    return strlen(out);
}

static void describe_range(const struct catalog_field *f, char *out, size_t size)
{
    const size_t used = strlen(out);
    if (f->min != -INFINITY && f->max != INFINITY)
        snprintf(out + used, size - used, " from %g to %g", f->min, f->max);
    else if (f->min != -INFINITY)
        snprintf(out + used, size - used, " of at least %g", f->min);
    else if (f->max != INFINITY)
        snprintf(out + used, size - used, " of at most %g", f->max);
}

void catalog_describe(const struct catalog_field *f, char *out, size_t size)
{
    if (f->column == EVENT_FIELD_SEVERITY) {
        snprintf(out, size, "one of debug, info, warning, error, critical");
        return;
    }
    if (f->allowed.count == 0) {
        snprintf(out, size, "%s", catalog_kind_expected(f->kind));
        describe_range(f, out, size);
        return;
    }
    snprintf(out, size, "one of ");
    for (size_t i = 0; i < f->allowed.count; i++) {
        if (i > 0)
            add(out, size, SLICE(", "));
        add(out, size, f->allowed.word[i]);
    }
}

/* A value is shown when it is short; else its kind is told. */
static void say_given(struct slice token, char *out, size_t size)
{
    const enum gate_kind kind = gate_kind_of(token.data[0]);
    const bool shown = token.size <= ECHO_BYTES_MAX && kind != GATE_ARRAY && kind != GATE_OBJECT;
    add(out, size, SLICE(", got "));
    add(out, size, shown ? token : slice_of(event_kind_with_article(kind)));
}

static void suggest(const struct catalog_field *f, struct slice token, char *out, size_t size)
{
    char room[ROOM];
    struct near n = near_start(text_of(token, room));
    for (size_t i = 0; i < f->allowed.count; i++)
        near_offer(&n, f->allowed.word[i]);
    if (n.found.data == NULL)
        return;
    add(out, size, SLICE("; did you mean \""));
    add(out, size, n.found);
    add(out, size, SLICE("\"?"));
}

bool catalog_check_value(const struct catalog_field *f, struct slice token, char *out_detail,
                         size_t size)
{
    if (is_good(f, token))
        return true;
    snprintf(out_detail, size, "expected ");
    catalog_describe(f, out_detail + strlen(out_detail), size - strlen(out_detail) - 100);
    say_given(token, out_detail, size);
    if (token.data[0] == '"')
        suggest(f, token, out_detail, size);
    return false;
}
