/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body is walked once. In an array the elements are scanned one by one, so each has the limits of
 * one event and a fault names its element; after an element that is not JSON there is no telling
 * where the next one begins, and the body is broken. Lines stand each for itself.
 *
 * Everything written about the items lies in one text, found by offsets because it moves when it
 * grows. Faults are written in full until FAULTS_WRITTEN_MAX of them are there, then only the
 * first of each item: the sender of ten thousand wrong events learns which are wrong.
 */
#include "producer/ingest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/event.h"

enum {
    FAULTS_WRITTEN_MAX = 100,
    TEXT_KEPT_BYTES = 256 * 1024, /* memory kept between requests */
    ITEMS_KEPT = 1024,
};

struct ingest {
    struct ingest_limits limits;
    struct event_reader *reader; /* owned */
    struct buffer text;
    struct buffer key;         /* event_id made of the request's key */
    struct ingest_item *items; /* owned */
    size_t capacity;
    /* Of the body at hand. */
    const struct ingest_body *body;
    struct ingest_result result;
    size_t written;             /* faults in the text */
    struct event_faults faults; /* scratch */
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
    buffer_finish(&in->key);
    free(in->items);
    free(in);
}

struct slice ingest_text(const struct ingest *in, struct ingest_span span)
{
    assert(span.at + span.size <= in->text.size);
    return (struct slice){in->text.data + span.at, span.size};
}

static struct ingest_span span_from(const struct ingest *in, size_t at)
{
    return (struct ingest_span){at, in->text.size - at};
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

static void write_fault(struct ingest *in, const struct ingest_item *item,
                        const struct event_fault *fault)
{
    const bool in_array = !in->result.single && in->body->form == INGEST_JSON;
    char pointer[sizeof fault->pointer + 24];
    if (in_array)
        snprintf(pointer, sizeof pointer, "/%zu%s", (size_t)(item - in->items), fault->pointer);
    else
        snprintf(pointer, sizeof pointer, "%s", fault->pointer);
    buffer_add_text(&in->text, "{\"pointer\":");
    buffer_add_json_string(&in->text, slice_of(pointer));
    if (item->number > 0)
        buffer_printf(&in->text, ",\"line\":%zu", item->number);
    buffer_add_text(&in->text, ",\"detail\":");
    buffer_add_json_string(&in->text, slice_of(fault->detail));
    buffer_add_byte(&in->text, '}');
}

/* The faults of an item are in in->faults. */
static void refuse(struct ingest *in, struct ingest_item *item, int status, const char *slug)
{
    struct ingest_result *result = &in->result;
    const size_t start = in->text.size;
    for (size_t i = 0; i < in->faults.count; i++) {
        if (i > 0 && in->written >= FAULTS_WRITTEN_MAX)
            break;
        if (i > 0)
            buffer_add_byte(&in->text, ',');
        write_fault(in, item, &in->faults.fault[i]);
        item->fault_count++;
        in->written++;
    }
    result->faults += in->faults.count;
    item->status = status;
    item->slug = slug;
    item->faults = span_from(in, start);
}

static struct event_fault *only_fault(struct ingest *in)
{
    in->faults.count = 1;
    in->faults.fault[0] = (struct event_fault){0};
    return &in->faults.fault[0];
}

static void refuse_text(struct ingest *in, struct ingest_item *item, const char *detail,
                        size_t offset)
{
    struct event_fault *fault = only_fault(in);
    snprintf(fault->detail, sizeof fault->detail, "%s (at byte %zu)", detail, offset);
    refuse(in, item, 400, "invalid-json");
}

static void refuse_verdict(struct ingest *in, struct ingest_item *item,
                           const struct gate_verdict *verdict, size_t before)
{
    struct event_fault *fault = only_fault(in);
    memcpy(fault->pointer, verdict->pointer, sizeof fault->pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s (at byte %zu)",
             gate_fault_text(verdict->fault), before + verdict->offset);
    refuse(in, item, 400, verdict->fault == GATE_FAULT_DEPTH ? "too-deep" : "invalid-json");
    in->result.no_memory = in->result.no_memory || verdict->fault == GATE_FAULT_MEMORY;
}

static void refuse_size(struct ingest *in, struct ingest_item *item)
{
    struct event_fault *fault = only_fault(in);
    snprintf(fault->detail, sizeof fault->detail, "an event may have %zu bytes",
             in->limits.event_bytes);
    refuse(in, item, 413, "too-large");
}

/* The request's key stands in for an event_id: as it is for one object, with the index for many. */
static struct slice id_of_key(struct ingest *in, const struct ingest_item *item)
{
    char index[24];
    buffer_clear(&in->key);
    if (in->result.single) {
        buffer_add_json_string(&in->key, in->body->key);
    } else {
        buffer_add_json_string(&in->key, in->body->key);
        buffer_truncate(&in->key, in->key.size - 1);
        snprintf(index, sizeof index, "#%zu\"", (size_t)(item - in->items));
        buffer_add_text(&in->key, index);
    }
    in->result.no_memory = in->result.no_memory || in->key.failed;
    return buffer_slice(&in->key);
}

static void accept(struct ingest *in, struct ingest_item *item, struct log_event *e)
{
    char text[ID_TEXT_SIZE + 1];
    struct slice *event_id = &e->field[EVENT_FIELD_EVENT_ID];
    id_make(&e->id);
    e->received_at = in->result.received_at;
    if (event_id->data == NULL && in->body->key.data != NULL)
        *event_id = id_of_key(in, item);
    size_t start = in->text.size;
    event_write_line(e, &in->text);
    item->line = span_from(in, start);
    if (item->line.size > in->limits.event_bytes) {
        buffer_truncate(&in->text, start);
        refuse_size(in, item);
        return;
    }
    start = in->text.size;
    if (event_id->data != NULL)
        buffer_add_slice(&in->text, *event_id);
    else {
        id_format(&e->id, text);
        buffer_add_json_string(&in->text, slice_of(text));
    }
    item->event_id = span_from(in, start);
    item->status = 202;
    item->urgent = event_priority(e) >= EVENT_PRIORITY_URGENT;
    in->result.good++;
    in->result.line_bytes += item->line.size;
}

static void judge(struct ingest *in, struct ingest_item *item, const struct gate_value *value)
{
    struct log_event e;
    if (value->text.size > in->limits.event_bytes)
        refuse_size(in, item);
    else if (event_read(in->reader, value, &e, &in->faults))
        accept(in, item, &e);
    else
        refuse(in, item, 422, "invalid-event");
}

static void read_whole(struct ingest *in, struct ingest_item *item, struct slice text)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (!gate_scan_whole(event_reader_gate(in->reader), text, &value, &verdict))
        refuse_verdict(in, item, &verdict, (size_t)(text.data - in->body->text.data));
    else
        judge(in, item, &value);
}

static void read_single(struct ingest *in)
{
    struct ingest_item *item = add_item(in, 0);
    in->result.single = true;
    if (item != NULL)
        read_whole(in, item, in->body->text);
}

static bool is_blank(struct slice line)
{
    return slice_trim(line).size == 0;
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

static void read_lines(struct ingest *in)
{
    struct slice rest = in->body->text;
    for (size_t number = 1; rest.size > 0; number++) {
        const struct slice line = next_line(&rest);
        if (is_blank(line))
            continue;
        struct ingest_item *item = add_item(in, number);
        if (item == NULL)
            return;
        if (line.size > in->limits.event_bytes)
            refuse_size(in, item);
        else
            read_whole(in, item, line);
    }
}

static void skip_space(struct slice *rest)
{
    while (rest->size > 0 && strchr(" \t\r\n", rest->data[0]) != NULL && rest->data[0] != 0) {
        rest->data++;
        rest->size--;
    }
}

static bool skip_byte(struct slice *rest, char byte)
{
    skip_space(rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    rest->data++;
    rest->size--;
    return true;
}

static size_t offset_of(const struct ingest *in, struct slice rest)
{
    return (size_t)(rest.data - in->body->text.data);
}

/* The array itself is wrong at *rest. */
static void break_off(struct ingest *in, struct slice rest, const char *detail)
{
    struct ingest_item *item = add_item(in, 0);
    in->result.broken = true;
    if (item != NULL)
        refuse_text(in, item, detail, offset_of(in, rest));
}

/* False when nothing behind the element can be read. */
static bool read_element(struct ingest *in, struct slice *rest)
{
    struct gate_value value;
    struct gate_verdict verdict;
    struct ingest_item *item = add_item(in, 0);
    if (item == NULL)
        return false;
    const size_t before = offset_of(in, *rest);
    if (!gate_scan(event_reader_gate(in->reader), rest, &value, &verdict)) {
        refuse_verdict(in, item, &verdict, before);
        in->result.broken = true;
        return false;
    }
    judge(in, item, &value);
    return true;
}

static void read_array(struct ingest *in)
{
    struct slice rest = in->body->text;
    bool more = skip_byte(&rest, '[') && !skip_byte(&rest, ']');
    while (more) {
        if (!read_element(in, &rest))
            return;
        more = skip_byte(&rest, ',');
        if (!more && !skip_byte(&rest, ']')) {
            break_off(in, rest, "a comma or the end of the array was expected here");
            return;
        }
    }
    skip_space(&rest);
    if (rest.size > 0)
        break_off(in, rest, gate_fault_text(GATE_FAULT_TRAILING));
}

static void trim_memory(struct ingest *in)
{
    if (in->text.capacity > TEXT_KEPT_BYTES)
        buffer_finish(&in->text);
    if (in->capacity > ITEMS_KEPT) {
        free(in->items);
        in->items = NULL;
        in->capacity = 0;
    }
    buffer_clear(&in->text);
}

void ingest_read(struct ingest *in, const struct ingest_body *body, struct ingest_result *out)
{
    struct slice start = body->text;
    trim_memory(in);
    in->body = body;
    in->written = 0;
    in->result = (struct ingest_result){.received_at = clock_wall_us()};
    skip_space(&start);
    if (body->form == INGEST_LINES)
        read_lines(in);
    else if (start.size > 0 && start.data[0] == '[')
        read_array(in);
    else
        read_single(in);
    in->result.items = in->items;
    in->result.no_memory = in->result.no_memory || in->text.failed;
    *out = in->result;
    in->body = NULL;
}
