/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a client's event and as a line. What is read is written as one line, is read back
 * from it, and is written the same again; what is refused is refused with at least one fault in
 * valid UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/app/catalog_source.h"
#include "common/event/event.h"
#include "common/json/json_text.h"
#include "schema/catalog.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gate_limits limits = {.depth = 32, .members = 256, .digits = 200000};
static struct event_reader *reader, *other;
static struct event_faults faults;
static struct catalog_source source = {.folder = ""};

static void check_utf8(const char *p, size_t size)
{
    const char *end = size == 0 ? p : p + size;
    while (p < end) {
        const size_t sequence = json_utf8_size(p, end);
        CHECK(sequence > 0 && *p != '\0');
        p += sequence;
    }
}

static void check_faults(void)
{
    CHECK(faults.count >= 1 && faults.count <= EVENT_FAULTS_MAX);
    for (size_t i = 0; i < faults.count; i++) {
        CHECK(faults.fault[i].detail[0] != '\0');
        check_utf8(faults.fault[i].detail, strlen(faults.fault[i].detail));
        check_utf8(faults.fault[i].pointer, strlen(faults.fault[i].pointer));
    }
}

static void check_value(const struct log_event *e, enum event_field f)
{
    struct slice rest = e->field[f], tag;
    struct buffer text = {0};
    size_t tags = 0;
    switch (event_field_kind(f)) {
    case EVENT_KIND_TEXT:
        event_add_text(e->field[f], &text);
        check_utf8(text.data, text.size);
        CHECK(f != EVENT_FIELD_ROUTING_KEY || (text.size > 0 && text.size <= 255));
        break;
    case EVENT_KIND_TIME:
        CHECK(event_time(e, f) < INT64_C(253402300800000000));
        break;
    case EVENT_KIND_DURATION:
        CHECK(event_number(e, f) >= 0 && event_number(e, f) < 1e309L);
        break;
    case EVENT_KIND_POSITIVE:
        CHECK(event_integer(e, f) > 0);
        break;
    case EVENT_KIND_PRIORITY:
        CHECK(event_priority(e) >= 0 && event_priority(e) <= 9);
        break;
    case EVENT_KIND_TAGS:
        while (event_next_tag(&rest, &tag))
            tags++;
        CHECK(tags <= 64 && slice_equals(rest, SLICE("]")));
        break;
    case EVENT_KIND_SEVERITY:
    case EVENT_KIND_BOOLEAN:
    case EVENT_KIND_OBJECT:
        break;
    }
    buffer_finish(&text);
}

/* The line of the event is one line, and reading and writing it changes nothing. */
static void check_event(const struct log_event *e)
{
    struct buffer line = {0}, again = {0};
    struct log_event back;
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (e->field[f].data != NULL)
            check_value(e, f);
    }
    event_write_line(e, &line);
    CHECK(memchr(line.data, '\n', line.size) == line.data + line.size - 1);
    CHECK(memchr(line.data, '\r', line.size) == NULL);
    CHECK(event_read_line(other, buffer_slice(&line), &back, &faults));
    CHECK(back.received_at == e->received_at && id_compare(&back.id, &e->id) == 0);
    event_write_line(&back, &again);
    CHECK(slice_equals(buffer_slice(&line), buffer_slice(&again)));
    buffer_finish(&line);
    buffer_finish(&again);
}

static void try_as_event(struct slice text)
{
    struct log_event event;
    struct gate_value value;
    struct gate_verdict verdict;
    if (!gate_scan_whole(event_reader_gate(reader), text, &value, &verdict))
        return;
    if (!event_read(reader, &value, &event, &faults)) {
        check_faults();
        return;
    }
    CHECK(event_set_said(reader, &value, &event));
    CHECK(id_parse(SLICE("019c1a2b-3c4d-7e5f-8a6b-0123456789ab"), &event.id));
    event.received_at = INT64_C(1769860800000000);
    check_event(&event);
}

static void try_as_line(struct slice text)
{
    struct log_event event;
    if (event_read_line(reader, text, &event, &faults))
        check_event(&event);
    else
        check_faults();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    if (reader == NULL) {
        source.builtin = schema_catalog;
        source.builtin_count = schema_catalog_count;
        reader = event_reader_create(&limits);
        other = event_reader_create(&limits);
        CHECK(reader != NULL && other != NULL && catalog_source_open(&source));
        event_reader_use(reader, &source.choice);
    }
    try_as_event(text);
    try_as_line(text);
    return 0;
}
