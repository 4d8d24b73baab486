/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an event: what the gate found in an object becomes the fields of struct log_event.
 *
 * Tokens that are not in the text (times, texts from numbers, the default routing key) are made in
 * one scratch buffer. Its size is bounded by the text's, so room for all of them is made at the
 * start and no token moves while the event is read.
 *
 * Unknown members are gathered in a buffer of their own that becomes the metadata: the object they
 * form is completed by the members of the client's metadata, and the gate tells when a name
 * appears on both sides. They come to lie one level deeper there, and the line has members the
 * client did not send, so the gate for lines is that much wider than the one for clients.
 */
#include "common/event/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event_reading.h"
#include "common/json/json_text.h"

/* id, received_at, metadata; columns found in the payload; defaults of the catalogue. */
#define LINE_MEMBERS_MORE (3 + EVENT_FIELD_COUNT + CATALOG_FIELDS_MAX)
/* Places for a duration in seconds, for the default priority, for defaults of the catalogue; and a
 * number of the payload may stand in its column too. */
#define LINE_DIGITS(n)    ((n)*2 + 8 + CATALOG_FIELDS_MAX * (size_t)CATALOG_DEFAULT_BYTES_MAX)
/* No name of a field is longer, escaped as it may be. */
#define NAME_ROOM         64

void event_reader_destroy(struct event_reader *r)
{
    if (r == NULL)
        return;
    gate_destroy(r->gate);
    gate_destroy(r->line_gate);
    buffer_finish(&r->scratch);
    buffer_finish(&r->extra);
    buffer_finish(&r->payload);
    buffer_finish(&r->unknown);
    canonical_finish(&r->canonical);
    free(r);
}

struct event_reader *event_reader_create(const struct gate_limits *limits)
{
    const struct gate_limits line_limits = {.depth = limits->depth + 1,
                                            .members = limits->members + LINE_MEMBERS_MORE,
                                            .digits = LINE_DIGITS(limits->digits)};
    struct event_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    event_names_init(&r->names);
    r->gate = gate_create(limits);
    r->line_gate = gate_create(&line_limits);
    if (r->gate == NULL || r->line_gate == NULL) {
        event_reader_destroy(r);
        return NULL;
    }
    return r;
}

void event_reader_use(struct event_reader *r, const struct catalog_choice *catalog)
{
    r->catalog = catalog;
}

struct gate *event_reader_gate(struct event_reader *r)
{
    return r->gate;
}

bool event_begin(struct reading *x)
{
    struct event_reader *r = x->reader;
    x->faults->count = 0;
    buffer_clear(&r->scratch);
    buffer_clear(&r->extra);
    buffer_clear(&r->unknown);
    buffer_clear(&r->payload);
    if (buffer_reserve(&r->unknown, (x->object->member_count + 1) * sizeof(uint32_t)) == NULL ||
        buffer_reserve(&r->scratch, x->object->text.size + EVENT_ROUTING_KEY_ROOM +
                                        (size_t)EVENT_FIELD_COUNT * EVENT_VALUE_GROWTH) == NULL)
        return false;
    return true;
}

static const struct event_name *find_name(const struct reading *x, const struct gate_member *m)
{
    char room[NAME_ROOM];
    if (!m->name_escaped)
        return event_names_find(&x->reader->names, m->name);
    return event_names_find(&x->reader->names, event_plain_text(m->name, room, sizeof room));
}

static void say_twice(struct reading *x, const struct event_name *name, const struct gate_member *m)
{
    struct event_fault *fault = event_add_fault(x->faults, m->name);
    if (fault != NULL)
        snprintf(fault->detail, sizeof fault->detail,
                 "the same field as \"%.*s\", which is there too; send one of them",
                 SLICE_ARGS(x->given[name->field]->text));
}

void event_read_field(struct reading *x, const struct event_name *name, const struct gate_member *m)
{
    const struct event_given given = {name, m->value, m->kind};
    if (m->kind == GATE_NULL)
        return;
    if (x->given[name->field] != NULL) {
        say_twice(x, name, m);
        return;
    }
    x->given[name->field] = name;
    struct event_fault found;
    found.pointer[0] = '\0';
    if (!event_value_read(&given, &x->reader->scratch, &x->event.field[name->field], &found))
        event_say_inside(x->faults, m->name, &found);
}

void event_note_unknown(struct reading *x, size_t index)
{
    struct buffer *unknown = &x->reader->unknown; /* with room for all members */
    const uint32_t place = (uint32_t)index;
    memcpy(unknown->data + unknown->size, &place, sizeof place);
    unknown->size += sizeof place;
}

static void keep_unknown(struct reading *x)
{
    struct buffer *extra = &x->reader->extra;
    for (size_t i = 0; i < event_unknown_count(x); i++) {
        const struct gate_member *m = event_unknown_at(x, i);
        buffer_add_text(extra, i == 0 ? "{\"" : ",\"");
        buffer_add_slice(extra, m->name);
        buffer_add(extra, "\":", 2);
        buffer_add_slice(extra, m->value);
    }
}

/* The object of the unknown members, completed by the client's own metadata. */
static void complete_metadata(struct reading *x)
{
    struct buffer *extra = &x->reader->extra;
    struct slice *metadata = &x->event.field[EVENT_FIELD_METADATA];
    const struct slice inside =
        metadata->data == NULL ? (struct slice){0}
                               : slice_trim((struct slice){metadata->data + 1, metadata->size - 2});
    if (inside.size > 0) {
        buffer_add_byte(extra, ',');
        buffer_add_slice(extra, inside);
    }
    buffer_add_byte(extra, '}');
    x->no_memory = x->no_memory || extra->failed;
    if (!extra->failed)
        *metadata = buffer_slice(extra);
}

/* No name may stand among the unknown members and in the client's metadata. */
static void check_metadata(struct reading *x)
{
    struct gate_value merged;
    struct gate_verdict verdict;
    if (gate_scan_whole(x->reader->line_gate, x->event.field[EVENT_FIELD_METADATA], &merged,
                        &verdict))
        return;
    x->no_memory = x->no_memory || verdict.fault == GATE_FAULT_MEMORY;
    struct event_fault *fault = event_add_fault(x->faults, (struct slice){0});
    if (fault == NULL)
        return;
    memcpy(fault->pointer, verdict.pointer, sizeof fault->pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s",
             verdict.fault == GATE_FAULT_DUPLICATE
                 ? "not a field, so it is kept in metadata, which has a member of this name"
                 : gate_fault_text(verdict.fault));
}

static void gather_unknown(struct reading *x)
{
    const bool has_metadata = x->event.field[EVENT_FIELD_METADATA].data != NULL;
    if (event_unknown_count(x) == 0)
        return;
    keep_unknown(x);
    complete_metadata(x);
    if (has_metadata && x->faults->count == 0 && !x->no_memory)
        check_metadata(x);
}

void event_gather_newer(struct reading *x)
{
    x->event.newer = event_unknown_count(x);
    if (x->event.newer == 0)
        return;
    buffer_add_text(&x->reader->extra, "{\"" EVENT_NEWER_NAME "\":");
    keep_unknown(x);
    buffer_add_byte(&x->reader->extra, '}');
    complete_metadata(x);
    if (x->faults->count == 0 && !x->no_memory)
        check_metadata(x);
}

static void set_default(struct log_event *e, enum event_field field, struct slice token)
{
    if (e->field[field].data == NULL)
        e->field[field] = token;
}

/* The longest start of a body that is at most so many bytes when unescaped. */
static struct slice cut_body(struct slice body, size_t bytes)
{
    struct slice rest = body;
    char c[4];
    if (body.size <= bytes)
        return body;
    while (rest.size > 0) {
        struct slice behind = rest;
        const size_t size = json_body_next(&behind, c);
        if (size > bytes)
            break;
        bytes -= size;
        rest = behind;
    }
    return (struct slice){body.data, body.size - rest.size};
}

/* events.<event_type>, cut between characters to what AMQP can carry. */
static struct slice default_routing_key(struct reading *x)
{
    struct buffer *scratch = &x->reader->scratch;
    const struct slice prefix = SLICE("\"events.");
    const struct slice type = cut_body(json_body_of(x->event.field[EVENT_FIELD_EVENT_TYPE]),
                                       EVENT_ROUTING_KEY_BYTES_MAX - prefix.size + 1);
    const size_t start = scratch->size;
    assert(scratch->capacity - start >= EVENT_ROUTING_KEY_ROOM);
    buffer_add_slice(scratch, prefix);
    buffer_add_slice(scratch, type);
    buffer_add_byte(scratch, '"');
    return (struct slice){scratch->data + start, scratch->size - start};
}

bool event_finish(struct reading *x, struct log_event *out)
{
    if (x->given[EVENT_FIELD_EVENT_TYPE] == NULL)
        event_say_missing(x, SLICE("event_type"), "required, but not there");
    if (x->no_memory)
        x->faults->count = 0;
    if (x->no_memory || x->faults->count > 0)
        return false;
    set_default(&x->event, EVENT_FIELD_SEVERITY, SLICE("\"info\""));
    set_default(&x->event, EVENT_FIELD_PRIORITY, SLICE("5"));
    if (x->event.field[EVENT_FIELD_ROUTING_KEY].data == NULL)
        x->event.field[EVENT_FIELD_ROUTING_KEY] = default_routing_key(x);
    *out = x->event;
    return true;
}

bool event_must_be_object(const struct gate_value *value, struct event_faults *out_faults)
{
    char detail[64];
    if (value->kind == GATE_OBJECT)
        return true;
    snprintf(detail, sizeof detail, "an event is an object, not %s",
             event_kind_with_article(value->kind));
    out_faults->count = 0;
    event_say(out_faults, (struct slice){0}, detail);
    return false;
}

bool event_read(struct event_reader *r, const struct gate_value *object, struct log_event *out,
                struct event_faults *out_faults)
{
    struct reading x = {.reader = r, .object = object, .faults = out_faults};
    if (!event_must_be_object(object, out_faults) || !event_begin(&x))
        return false;
    for (size_t i = 0; i < object->member_count; i++) {
        const struct gate_member *m = &object->members[i];
        const struct event_name *name = find_name(&x, m);
        if (name != NULL)
            event_read_field(&x, name, m);
        else
            event_note_unknown(&x, i);
    }
    event_judge(&x);
    gather_unknown(&x);
    if (event_finish(&x, out))
        return true;
    if (!x.no_memory)
        event_suggest(&x);
    return false;
}

bool event_set_said(struct event_reader *r, const struct gate_value *object, struct log_event *e)
{
    uint8_t digest[DIGEST_SIZE];
    const struct reading x = {.reader = r, .object = object};
    struct slice event_id = {0};
    for (size_t i = 0; i < object->member_count; i++) {
        const struct event_name *name = find_name(&x, &object->members[i]);
        if (name != NULL && name->field == EVENT_FIELD_EVENT_ID &&
            object->members[i].kind != GATE_NULL)
            event_id = object->members[i].value;
    }
    if (!canonical_digest(&r->canonical, object->text, event_id, digest))
        return false;
    memcpy(e->said, digest, sizeof e->said);
    e->has_said = true;
    return true;
}
