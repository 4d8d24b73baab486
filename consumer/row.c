/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A field that is absent is what the schema says of it: event_id is then the text of id,
 * occurred_at is received_at, a body is the empty object, and all else is null. JSON objects go out
 * byte for byte as they came in.
 */
#include "consumer/row.h"

#include <assert.h>

#include "common/pg/copy.h"

enum {
    COLUMN_ID,
    COLUMN_RECEIVED_AT,
    COLUMN_FIELDS,
    COLUMN_BATCH_ID = COLUMN_FIELDS + EVENT_FIELD_COUNT,
    COLUMN_POSITION,
};
static_assert(COLUMN_POSITION + 1 == ROW_COLUMNS && ROW_COLUMNS < 64, "a bit for each");

static uint64_t bit(unsigned column)
{
    return UINT64_C(1) << column;
}

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

/* True when the schema gives an absent field a value that depends on the event. */
static bool write_absent(const struct log_event *e, enum event_field f, struct buffer *out)
{
    char id[ID_TEXT_SIZE + 1];
    if (f == EVENT_FIELD_EVENT_ID) {
        id_format(&e->id, id);
        copy_text(out, slice_of(id));
        return true;
    }
    if (f == EVENT_FIELD_OCCURRED_AT) {
        copy_time(out, e->received_at);
        return true;
    }
    return false;
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

uint64_t row_write(const struct log_event *e, const struct row_place *place, struct buffer *out)
{
    uint64_t own =
        bit(COLUMN_ID) | bit(COLUMN_RECEIVED_AT) | bit(COLUMN_BATCH_ID) | bit(COLUMN_POSITION);
    copy_uuid(out, &e->id);
    copy_time(out, e->received_at);
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (e->field[f].data != NULL)
            write_field(e, f, out);
        else if (!write_absent(e, f, out))
            continue;
        own |= bit(COLUMN_FIELDS + f);
    }
    copy_uuid(out, &place->batch_id);
    copy_int4(out, place->position);
    return own;
}

uint64_t row_write_control(int64_t received_at, struct buffer *out)
{
    struct log_event e = {.received_at = received_at};
    struct row_place place = {0};
    id_make(&e.id);
    id_make(&place.batch_id);
    e.field[EVENT_FIELD_EVENT_TYPE] = SLICE("\"holdfast.control\"");
    e.field[EVENT_FIELD_SEVERITY] = SLICE("\"info\"");
    e.field[EVENT_FIELD_ROUTING_KEY] = SLICE("\"holdfast.control\"");
    e.field[EVENT_FIELD_PRIORITY] = SLICE("5");
    return row_write(&e, &place, out);
}

static void copy_absent(unsigned column, struct buffer *out)
{
    if (column >= COLUMN_FIELDS && column < COLUMN_BATCH_ID &&
        event_field_kind(column - COLUMN_FIELDS) == EVENT_KIND_OBJECT)
        copy_json(out, SLICE("{}"));
    else
        copy_null(out);
}

void row_copy(struct slice values, uint64_t own, uint64_t columns, struct buffer *out)
{
    assert((own & ~columns) == 0);
    copy_row(out, (uint16_t)__builtin_popcountll(columns));
    if (own == columns) {
        buffer_add_slice(out, values);
        return;
    }
    for (unsigned column = 0; column < ROW_COLUMNS; column++) {
        if ((own & bit(column)) != 0)
            buffer_add_slice(out, copy_value_take(&values));
        else if ((columns & bit(column)) != 0)
            copy_absent(column, out);
    }
}

static const char *name_of(unsigned column)
{
    switch (column) {
    case COLUMN_ID:
        return "id";
    case COLUMN_RECEIVED_AT:
        return "received_at";
    case COLUMN_BATCH_ID:
        return "batch_id";
    case COLUMN_POSITION:
        return "position";
    default:
        return event_field_name(column - COLUMN_FIELDS);
    }
}

void row_names(uint64_t columns, struct buffer *out)
{
    const char *separator = "";
    for (unsigned column = 0; column < ROW_COLUMNS; column++) {
        if ((columns & bit(column)) == 0)
            continue;
        buffer_printf(out, "%s%s", separator, name_of(column));
        separator = ", ";
    }
}
