/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event as a line, and its tokens as values.
 *
 *   {"id":"<uuidv7>","received_at":"<27 chars>"[,"said":"<32 hex digits>"[,"also":"<id>"]]
 *    [,"event_id":…],"event_type":…,"severity":…,…}\n
 *
 * The head comes first, in this order and without white space; behind it are the fields. Absent
 * ones are left out; event_id stands there only when the client gave one; occurred_at only when
 * given. The head is for the consumer and not of the event:
 *
 *   said  half of SHA-256 over the object as the client sent it, in canonical form and without its
 *         event_id: it tells a repetition from a conflict whatever the catalogue makes of either.
 *         Of events with an event_id only
 *   also  a second id the event goes by
 *
 * Tokens go out as they came: only raw line breaks
 * between the tokens of a pretty-printed object or array become spaces, because a line break ends
 * the line. (Inside strings the gate lets none through.)
 */
#include "common/event/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event_names.h"
#include "common/json/json_text.h"

struct field_info {
    struct slice name, head; /* head: ,"name": */
    enum event_kind kind;
};

static const struct field_info fields[] = {
#define X(symbol, name, kind, limit)                                                               \
    [EVENT_FIELD_##symbol] = {EVENT_TEXT(name), EVENT_TEXT(",\"" name "\":"), EVENT_KIND_##kind},
    EVENT_FIELDS(X)
#undef X
};

const char *event_field_name(enum event_field f)
{
    assert(f < EVENT_FIELD_COUNT);
    return fields[f].name.data;
}

enum event_kind event_field_kind(enum event_field f)
{
    assert(f < EVENT_FIELD_COUNT);
    return fields[f].kind;
}

#define SAID_HEAD SLICE(",\"said\":\"")
#define ALSO_HEAD SLICE(",\"also\":")

size_t event_head_size(const struct log_event *e)
{
    size_t size = EVENT_LINE_PREFIX;
    if (e->has_said)
        size += SAID_HEAD.size + 2 * EVENT_SAID_SIZE + 1;
    if (e->also.data != NULL)
        size += ALSO_HEAD.size + e->also.size;
    return size;
}

static size_t line_size(const struct log_event *e)
{
    size_t size = event_head_size(e) + sizeof "}\n";
    for (size_t i = 0; i < EVENT_FIELD_COUNT; i++) {
        if (e->field[i].data != NULL)
            size += fields[i].head.size + e->field[i].size;
    }
    return size;
}

static char *put(char *to, struct slice s)
{
    memcpy(to, s.data, s.size);
    return to + s.size;
}

static void flatten(char *p, const char *end, char line_break)
{
    while ((p = memchr(p, line_break, (size_t)(end - p))) != NULL)
        *p = ' ';
}

static char *put_field(char *to, enum event_field f, struct slice token)
{
    char *start = put(to, fields[f].head);
    char *end = put(start, token);
    if (fields[f].kind == EVENT_KIND_OBJECT || fields[f].kind == EVENT_KIND_TAGS) {
        flatten(start, end, '\n');
        flatten(start, end, '\r');
    }
    return end;
}

static char *put_said(char *to, const uint8_t said[EVENT_SAID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    to = put(to, SAID_HEAD);
    for (size_t i = 0; i < EVENT_SAID_SIZE; i++) {
        *to++ = digits[said[i] >> 4];
        *to++ = digits[said[i] & 15];
    }
    return put(to, SLICE("\""));
}

static char *put_head(char *to, const struct log_event *e)
{
    char id[ID_TEXT_SIZE + 1], time[CLOCK_TEXT_SIZE + 1];
    const char *start = to;
    id_format(&e->id, id);
    clock_format(e->received_at, time);
    to = put(to, SLICE("{\"id\":\""));
    to = put(to, (struct slice){id, ID_TEXT_SIZE});
    to = put(to, SLICE("\",\"received_at\":\""));
    to = put(to, (struct slice){time, CLOCK_TEXT_SIZE});
    to = put(to, SLICE("\""));
    assert(to - start == EVENT_LINE_PREFIX);
    if (e->has_said)
        to = put_said(to, e->said);
    if (e->also.data != NULL)
        to = put(put(to, ALSO_HEAD), e->also);
    return to;
}

void event_write_line(const struct log_event *e, struct buffer *out)
{
    char *start = buffer_reserve(out, line_size(e));
    if (start == NULL)
        return;
    char *to = put_head(start, e);
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (e->field[f].data != NULL)
            to = put_field(to, f, e->field[f]);
    }
    to = put(to, SLICE("}\n"));
    out->size += (size_t)(to - start);
}

static struct slice token_of(const struct log_event *e, enum event_field f, enum event_kind kind)
{
    assert(e->field[f].data != NULL && fields[f].kind == kind);
    return e->field[f];
}

int event_priority(const struct log_event *e)
{
    return token_of(e, EVENT_FIELD_PRIORITY, EVENT_KIND_PRIORITY).data[0] - '0';
}

int64_t event_integer(const struct log_event *e, enum event_field f)
{
    uint64_t value;
    const bool good = slice_to_u64(token_of(e, f, EVENT_KIND_POSITIVE), INT64_MAX, &value);
    assert(good);
    return (int64_t)value;
}

int64_t event_time(const struct log_event *e, enum event_field f)
{
    int64_t wall_us;
    const bool good = clock_parse(json_body_of(token_of(e, f, EVENT_KIND_TIME)), &wall_us);
    assert(good);
    return wall_us;
}

/* A number's token is followed by a byte no number goes on with. */
double event_number(const struct log_event *e, enum event_field f)
{
    return strtod(token_of(e, f, EVENT_KIND_DURATION).data, NULL);
}

void event_add_text(struct slice string_token, struct buffer *out)
{
    json_body_add(json_body_of(string_token), out);
}

static void skip_space(struct slice *s)
{
    while (s->size > 0 &&
           (s->data[0] == ' ' || s->data[0] == '\t' || s->data[0] == '\n' || s->data[0] == '\r')) {
        s->data++;
        s->size--;
    }
}

bool event_next_tag(struct slice *rest, struct slice *out_token)
{
    size_t size = 1;
    skip_space(rest);
    if (rest->size > 0 && (rest->data[0] == '[' || rest->data[0] == ',')) {
        rest->data++;
        rest->size--;
        skip_space(rest);
    }
    if (rest->size == 0 || rest->data[0] != '"')
        return false;
    while (rest->data[size] != '"')
        size += rest->data[size] == '\\' ? 2 : 1;
    *out_token = (struct slice){rest->data, size + 1};
    rest->data += size + 1;
    rest->size -= size + 1;
    return true;
}
