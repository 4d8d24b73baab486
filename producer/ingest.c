/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body is walked once. In an array the elements are scanned one by one, so each has the limits of
 * one event and a fault names its element; after an element that is not JSON there is no telling
 * where the next one begins, and the body is broken. Lines stand each for itself.
 *
 * Everything written about the items lies in one text, found by offsets because it moves when it
 * grows.
 */
#include "producer/ingest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event.h"
#include "producer/counts.h"
#include "producer/ingest_private.h"
#include "producer/walk.h"

enum {
    TEXT_KEPT_BYTES = 256 * 1024, /* memory kept between requests */
    ITEMS_KEPT = 1024,
    STEP_BLANKS = 64 * 1024,   /* blank bytes of a step */
    ELEMENT_SLACK = 64 * 1024, /* read of a larger one, to tell where the next begins */
};

struct ingest *ingest_create(const struct ingest_limits *limits)
{
    struct ingest *in = calloc(1, sizeof *in);
    if (in == NULL)
        return NULL;
    in->limits = *limits;
    in->reader = event_reader_create(&limits->gate);
    if (in->reader == NULL) {
        ingest_destroy(in);
        return NULL;
    }
    event_reader_use(in->reader, limits->catalog);
    return in;
}

void ingest_destroy(struct ingest *in)
{
    if (in == NULL)
        return;
    event_reader_destroy(in->reader);
    buffer_finish(&in->text);
    buffer_finish(&in->ids);
    twins_finish(&in->twins);
    resend_list_finish(&in->records);
    buffer_finish(&in->turned);
    free(in->items);
    free(in);
}

struct slice ingest_text(const struct ingest *in, struct ingest_span span)
{
    assert(span.at + span.size <= in->text.size);
    return (struct slice){in->text.data + span.at, span.size};
}

/* NULL when there are too many already, or no memory. */
static struct ingest_item *add_item(struct ingest *in, size_t number)
{
    struct ingest_result *result = &in->result;
    if (result->count == in->limits.batch_events) {
        result->too_many = true;
        return NULL;
    }
    if (result->count == in->capacity) {
        const size_t capacity = in->capacity == 0 ? 16 : in->capacity * 2;
        struct ingest_item *items = realloc(in->items, capacity * sizeof *items);
        if (items == NULL) {
            result->no_memory = true;
            return NULL;
        }
        in->items = items;
        in->capacity = capacity;
    }
    struct ingest_item *item = &in->items[result->count++];
    *item = (struct ingest_item){.number = number};
    return item;
}

/* The request's trace is that of an event that names none. */
static void set_trace(struct log_event *e, const struct ingest_body *body)
{
    if (e->field[EVENT_FIELD_TRACE_ID].data != NULL || body->trace_id.data == NULL)
        return;
    e->field[EVENT_FIELD_TRACE_ID] = body->trace_id;
    if (e->field[EVENT_FIELD_SPAN_ID].data == NULL)
        e->field[EVENT_FIELD_SPAN_ID] = body->span_id;
}

static void accept(struct ingest *in, struct ingest_item *item, const struct gate_value *value,
                   struct log_event *e)
{
    char text[ID_TEXT_SIZE + 1];
    const struct slice *event_id = &e->field[EVENT_FIELD_EVENT_ID];
    id_make(&e->id);
    e->received_at = in->result.received_at;
    set_trace(e, &in->body);
    ingest_identify(in, value, e);
    size_t start = in->text.size;
    event_write_line(e, &in->text);
    item->line = ingest_span_from(in, start);
    if (item->line.size > INGEST_LINE_BYTES_MAX) {
        buffer_truncate(&in->text, start);
        ingest_refuse_line(in, item);
        return;
    }
    start = in->text.size;
    if (event_id->data != NULL)
        buffer_add_slice(&in->text, *event_id);
    else {
        id_format(&e->id, text);
        buffer_add_json_string(&in->text, slice_of(text));
    }
    item->event_id = ingest_span_from(in, start);
    item->status = 202;
    item->type = count_place(e->field[EVENT_FIELD_EVENT_TYPE]);
    item->urgent = event_priority(e) >= EVENT_PRIORITY_URGENT;
    in->result.good++;
    in->result.line_bytes += item->line.size;
}

/* As it came: the text may be one that was made of it. */
static bool is_too_large(const struct ingest *in, struct slice text)
{
    const size_t came = in->body.came_bytes > 0 ? in->body.came_bytes : slice_trim(text).size;
    return came > in->limits.event_bytes;
}

/* *value becomes the object of ours it stands for. */
static bool turn(struct ingest *in, struct ingest_item *item, struct gate_value *value)
{
    const struct shape *shape = in->body.shape;
    struct gate_verdict verdict;
    buffer_clear(&in->turned);
    if (!shape->turn(shape, value, &in->turned, &in->faults)) {
        ingest_refuse(in, item, 422, "invalid-event");
        return false;
    }
    if (in->turned.size == 0 && !in->turned.failed)
        return true;
    in->result.no_memory = in->result.no_memory || in->turned.failed;
    if (gate_scan_whole(event_reader_gate(in->reader), buffer_slice(&in->turned), value, &verdict))
        return true;
    ingest_refuse_turned(in, item, &verdict);
    return false;
}

static void judge(struct ingest *in, struct ingest_item *item, struct gate_value *value)
{
    struct log_event e;
    if (!turn(in, item, value))
        return;
    if (event_read(in->reader, value, &e, &in->faults)) {
        accept(in, item, value, &e);
    } else {
        in->result.no_memory = in->result.no_memory || in->faults.count == 0;
        ingest_tell(in);
        ingest_refuse(in, item, 422, "invalid-event");
    }
}

static void read_whole(struct ingest *in, struct ingest_item *item, struct slice text)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (is_too_large(in, text))
        ingest_refuse_size(in, item);
    else if (!gate_scan_whole(event_reader_gate(in->reader), text, &value, &verdict))
        ingest_refuse_verdict(in, item, &verdict, (size_t)(text.data - in->body.text.data));
    else
        judge(in, item, &value);
}

static bool step_single(struct ingest *in)
{
    struct ingest_item *item = add_item(in, 0);
    in->result.single = true;
    if (item != NULL)
        read_whole(in, item, in->body.text);
    return false;
}

/* Blank lines, and what is blank before an event, up to as much as a step may read. */
static void skip_blanks(struct ingest *in)
{
    const char *p = in->rest.data;
    const size_t most = in->rest.size < STEP_BLANKS ? in->rest.size : STEP_BLANKS;
    const char *end = p + most;
    for (; p < end && (*p == '\n' || *p == ' ' || *p == '\r' || *p == '\t'); p++)
        in->number += *p == '\n';
    in->rest.size -= (size_t)(p - in->rest.data);
    in->rest.data = p;
}

static struct slice next_line(struct slice *rest)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    const size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    const struct slice line = {rest->data, size};
    const size_t used = end != NULL ? size + 1 : size;
    rest->data += used;
    rest->size -= used;
    return line;
}

static bool step_lines(struct ingest *in)
{
    const size_t before = in->rest.size;
    skip_blanks(in);
    if (in->rest.size == 0 || before - in->rest.size == STEP_BLANKS)
        return in->rest.size > 0;
    const struct slice line = slice_trim(next_line(&in->rest));
    struct ingest_item *item = add_item(in, in->number++);
    if (item == NULL)
        return false;
    read_whole(in, item, line);
    return true;
}

static size_t offset_of(const struct ingest *in, struct slice rest)
{
    return (size_t)(rest.data - in->body.text.data);
}

/* The array itself is wrong at *rest. */
static void break_off(struct ingest *in, struct slice rest, const char *detail)
{
    struct ingest_item *item = add_item(in, 0);
    in->result.broken = true;
    if (item != NULL)
        ingest_refuse_text(in, item, detail, offset_of(in, rest));
}

/* Its end is not looked for much beyond what an event may have. False: the item says why. */
static bool scan_element(struct ingest *in, struct ingest_item *item, struct gate_value *out)
{
    const size_t most = in->limits.event_bytes + ELEMENT_SLACK;
    walk_space(&in->rest);
    const bool is_cut = in->rest.size > most;
    struct slice part = {in->rest.data, is_cut ? most : in->rest.size};
    struct gate_verdict verdict;
    if (gate_scan(event_reader_gate(in->reader), &part, out, &verdict)) {
        in->rest.size -= (size_t)(part.data - in->rest.data);
        in->rest.data = part.data;
        return true;
    }
    if (is_cut && verdict.offset >= in->limits.event_bytes)
        ingest_refuse_size(in, item);
    else
        ingest_refuse_verdict(in, item, &verdict, offset_of(in, in->rest));
    return false;
}

/* False when nothing behind the element can be read. */
static bool read_element(struct ingest *in)
{
    struct gate_value value;
    struct ingest_item *item = add_item(in, 0);
    if (item == NULL)
        return false;
    if (!scan_element(in, item, &value)) {
        in->result.broken = true;
        return false;
    }
    if (is_too_large(in, value.text))
        ingest_refuse_size(in, item);
    else
        judge(in, item, &value);
    return true;
}

static bool end_array(struct ingest *in)
{
    walk_space(&in->rest);
    if (in->rest.size > 0)
        break_off(in, in->rest, gate_fault_text(GATE_FAULT_TRAILING));
    return false;
}

static bool step_array(struct ingest *in)
{
    if (!in->opened) {
        in->opened = walk_byte(&in->rest, '[');
        if (walk_byte(&in->rest, ']'))
            return end_array(in);
    }
    if (!read_element(in))
        return false;
    if (walk_byte(&in->rest, ','))
        return true;
    if (walk_byte(&in->rest, ']'))
        return end_array(in);
    break_off(in, in->rest, "a comma or the end of the array was expected here");
    return false;
}

static void trim_memory(struct ingest *in)
{
    if (in->text.capacity > TEXT_KEPT_BYTES)
        buffer_finish(&in->text);
    if (in->turned.capacity > TEXT_KEPT_BYTES)
        buffer_finish(&in->turned);
    if (in->capacity > ITEMS_KEPT) {
        free(in->items);
        in->items = NULL;
        in->capacity = 0;
    }
    buffer_clear(&in->text);
    twins_clear(&in->twins);
}

void ingest_drop(struct ingest *in)
{
    if (in->records.count > 0)
        resends_put_back(in->limits.resends, &in->records, clock_now_ns());
    resend_list_finish(&in->records);
    trim_memory(in);
}

void ingest_begin(struct ingest *in, const struct ingest_body *body)
{
    struct slice start = body->text;
    ingest_drop(in);
    in->body = *body;
    in->rest = body->text;
    in->number = 1;
    in->opened = false;
    in->written = 0;
    in->result = (struct ingest_result){.received_at = clock_wall_us()};
    if (body->form == INGEST_LINES)
        in->step = step_lines;
    else if (body->form == INGEST_JSON && walk_byte(&start, '['))
        in->step = step_array;
    else
        in->step = step_single;
}

bool ingest_step(struct ingest *in)
{
    return in->step(in);
}

void ingest_end(struct ingest *in, struct ingest_result *out)
{
    in->result.items = in->items;
    in->result.records = &in->records;
    in->result.no_memory = in->result.no_memory || in->text.failed;
    *out = in->result;
}

void ingest_read(struct ingest *in, const struct ingest_body *body, struct ingest_result *out)
{
    ingest_begin(in, body);
    while (ingest_step(in))
        continue;
    ingest_end(in, out);
}
