/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A field that is absent is null, or what the schema says of it: event_id is then the text of id,
 * occurred_at is received_at, and the bodies are empty objects. JSON objects go out byte for byte
 * as they came in.
 */
#include "consumer/row.h"

#include <assert.h>

#include "common/pg/copy.h"

static void write_text(struct slice token, struct buffer *out)
{
    const size_t begin = copy_value_begin(out);
    event_add_text(token, out);
    copy_value_end(out, begin);
}

static void write_tags(struct slice token, struct buffer *out)
{
    struct slice rest = token;
    struct slice tag;
    uint32_t count = 0;
    const size_t begin = copy_value_begin(out);
    const size_t array = copy_array_begin(out, COPY_TYPE_TEXT);
    for (; event_next_tag(&rest, &tag); count++)
        write_text(tag, out);
    copy_array_end(out, array, count);
    copy_value_end(out, begin);
}

static void write_absent(const struct log_event *e, enum event_field f, struct buffer *out)
{
    char id[ID_TEXT_SIZE + 1];
    if (f == EVENT_FIELD_EVENT_ID) {
        id_format(&e->id, id);
        copy_text(out, slice_of(id));
    } else if (f == EVENT_FIELD_OCCURRED_AT) {
        copy_time(out, e->received_at);
    } else if (event_field_kind(f) == EVENT_KIND_OBJECT) {
        copy_json(out, SLICE("{}"));
    } else {
        copy_null(out);
    }
}

static void write_field(const struct log_event *e, enum event_field f, struct buffer *out)
{
    const struct slice token = e->field[f];
    switch (event_field_kind(f)) {
    case EVENT_KIND_TEXT:
    case EVENT_KIND_SEVERITY:
        write_text(token, out);
        return;
    case EVENT_KIND_TIME:
        copy_time(out, event_time(e, f));
        return;
    case EVENT_KIND_TAGS:
        write_tags(token, out);
        return;
    case EVENT_KIND_DURATION:
        copy_float8(out, event_number(e, f));
        return;
    case EVENT_KIND_BOOLEAN:
        copy_bool(out, slice_equals(token, SLICE("true")));
        return;
    case EVENT_KIND_POSITIVE:
        copy_int8(out, event_integer(e, f));
        return;
    case EVENT_KIND_PRIORITY:
        copy_int2(out, (int16_t)event_priority(e));
        return;
    case EVENT_KIND_OBJECT:
        copy_json(out, token);
        return;
    }
    assert(false && "a kind without a format");
}

void row_write(const struct log_event *e, const struct row_place *place, struct buffer *out)
{
    copy_row(out, ROW_COLUMNS);
    copy_uuid(out, &e->id);
    copy_time(out, e->received_at);
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (e->field[f].data == NULL)
            write_absent(e, f, out);
        else
            write_field(e, f, out);
    }
    copy_uuid(out, &place->batch_id);
    copy_int4(out, place->position);
}

void row_write_control(int64_t received_at, struct buffer *out)
{
    struct log_event e = {.received_at = received_at};
    struct row_place place = {0};
    id_make(&e.id);
    id_make(&place.batch_id);
    e.field[EVENT_FIELD_EVENT_TYPE] = SLICE("\"holdfast.control\"");
    e.field[EVENT_FIELD_SEVERITY] = SLICE("\"info\"");
    e.field[EVENT_FIELD_ROUTING_KEY] = SLICE("\"holdfast.control\"");
    e.field[EVENT_FIELD_PRIORITY] = SLICE("5");
    row_write(&e, &place, out);
}
