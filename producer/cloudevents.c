/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cloudevents.h"

#include <stdio.h>
#include <string.h>

#include "common/core/digest.h"
#include "common/json/json_text.h"
#include "producer/cloudevents_private.h"
#include "producer/trace.h"

/* What an event_id may have at most. In bytes it is stricter, so that it never depends on how
 * characters are counted. */
enum { EVENT_ID_BYTES_MAX = 255 };

enum attribute { SPECVERSION, ID, SOURCE, TYPE, TIME, DATA, DATA_BASE64, ATTRIBUTES };

static const char *const attribute_names[ATTRIBUTES] = {"specversion", "id",   "source",     "type",
                                                        "time",        "data", "data_base64"};

struct cloudevent {
    const struct gate_member *members;
    size_t count;
    const struct gate_member *known[ATTRIBUTES]; /* NULL: absent */
    struct event_faults *faults;
};

static void say(struct cloudevent *e, enum attribute which, const char *detail)
{
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/%s", attribute_names[which]);
    shape_fault(e->faults, pointer, detail);
}

static int attribute_of(const struct gate_member *m)
{
    for (int i = 0; i < ATTRIBUTES; i++) {
        if (json_body_equals(m->name, slice_of(attribute_names[i])))
            return i;
    }
    return -1;
}

static void find_known(struct cloudevent *e)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct gate_member *m = &e->members[i];
        const int which = attribute_of(m);
        if (which < 0 || m->kind == GATE_NULL)
            continue;
        if (e->known[which] != NULL)
            say(e, (enum attribute)which, "appears twice");
        e->known[which] = m;
    }
}

static void check_required(struct cloudevent *e, enum attribute which)
{
    const struct gate_member *m = e->known[which];
    if (m == NULL)
        say(e, which, "required by CloudEvents, but not there");
    else if (m->kind != GATE_STRING || m->value.size <= 2)
        say(e, which, "expected a string that is not empty");
}

static bool check(struct cloudevent *e)
{
    for (enum attribute which = SPECVERSION; which <= TYPE; which++)
        check_required(e, which);
    if (e->faults->count == 0 &&
        !json_body_equals(json_body_of(e->known[SPECVERSION]->value), SLICE("1.0")))
        say(e, SPECVERSION, "expected \"1.0\"");
    if (e->known[DATA] != NULL && e->known[DATA_BASE64] != NULL)
        say(e, DATA_BASE64, "there is data too; send one of them");
    if (e->known[DATA_BASE64] != NULL && e->known[DATA_BASE64]->kind != GATE_STRING)
        say(e, DATA_BASE64, "expected a string");
    return e->faults->count == 0;
}

static void add_digest(struct slice text, struct buffer *out)
{
    uint8_t digest[DIGEST_SIZE];
    digest_make(text, digest);
    buffer_add_text(out, "sha256:");
    buffer_add_hex(out, digest, sizeof digest);
}

/* An event is the same when source and id are. A source is a URI reference and has no space, so
 * one space between them keeps pairs apart; where it has, or the two are too long, a digest stands
 * for them, which has no space. */
static void add_event_id(const struct cloudevent *e, struct buffer *out)
{
    struct buffer pair = {0}, id = {0};
    json_body_add(json_body_of(e->known[SOURCE]->value), &pair);
    const size_t source_size = pair.size;
    buffer_add_byte(&pair, ' ');
    json_body_add(json_body_of(e->known[ID]->value), &pair);
    const bool is_plain = pair.size <= EVENT_ID_BYTES_MAX && source_size > 0 && !pair.failed &&
                          memchr(pair.data, ' ', source_size) == NULL;
    if (is_plain) {
        buffer_add_slice(&id, buffer_slice(&pair));
    } else {
        buffer_printf(&pair, " %zu", source_size);
        add_digest(buffer_slice(&pair), &id);
    }
    struct buffer token = {0};
    buffer_add_json_string(&token, buffer_slice(&id));
    shape_add(out, "event_id", buffer_slice(&token));
    out->failed = out->failed || pair.failed || id.failed || token.failed;
    buffer_finish(&pair);
    buffer_finish(&id);
    buffer_finish(&token);
}

static void add_trace(const struct gate_member *m, struct buffer *out)
{
    struct trace trace;
    if (m->kind != GATE_STRING || !json_body_equals(m->name, SLICE("traceparent")))
        return;
    trace_read(json_body_of(m->value), &trace);
    if (trace.trace_id.data == NULL)
        return;
    shape_add(out, "trace_id", trace.trace_id);
    shape_add(out, "span_id", trace.span_id);
}

/* With specversion and id, which are no fields of ours, the event can be put together again. */
static bool is_metadata(const struct gate_member *m)
{
    const int which = attribute_of(m);
    return m->kind != GATE_NULL && (which < 0 || which == SPECVERSION || which == ID);
}

static void add_metadata(const struct cloudevent *e, struct buffer *out)
{
    shape_add(out, "metadata", SLICE("{"));
    for (size_t i = 0; i < e->count; i++) {
        const struct gate_member *m = &e->members[i];
        if (!is_metadata(m))
            continue;
        buffer_add_text(out, out->data != NULL && out->data[out->size - 1] == '{' ? "\"" : ",\"");
        buffer_add_slice(out, m->name);
        buffer_add_text(out, "\":");
        buffer_add_slice(out, m->value);
    }
    buffer_add_byte(out, '}');
}

static void add_payload(const struct cloudevent *e, struct buffer *out)
{
    const struct gate_member *data = e->known[DATA], *base64 = e->known[DATA_BASE64];
    if (data != NULL && data->kind == GATE_OBJECT) {
        shape_add(out, "data", data->value);
    } else if (data != NULL || base64 != NULL) {
        shape_add(out, "payload", SLICE("{"));
        shape_add(out, data != NULL ? "data" : "data_base64",
                  data != NULL ? data->value : base64->value);
        buffer_add_byte(out, '}');
    }
}

bool cloudevents_turn(const struct gate_member *members, size_t count, struct buffer *out,
                      struct event_faults *out_faults)
{
    struct cloudevent e = {.members = members, .count = count, .faults = out_faults};
    out_faults->count = 0;
    find_known(&e);
    if (!check(&e))
        return false;
    buffer_add_byte(out, '{');
    add_event_id(&e, out);
    shape_add(out, "type", e.known[TYPE]->value);
    shape_add(out, "source", e.known[SOURCE]->value);
    if (e.known[TIME] != NULL)
        shape_add(out, "time", e.known[TIME]->value);
    for (size_t i = 0; i < count; i++)
        add_trace(&members[i], out);
    add_metadata(&e, out);
    add_payload(&e, out);
    buffer_add_byte(out, '}');
    return true;
}

static bool turn_structured(const struct shape *s, const struct gate_value *value,
                            struct buffer *out, struct event_faults *out_faults)
{
    (void)s;
    if (value->kind == GATE_OBJECT)
        return cloudevents_turn(value->members, value->member_count, out, out_faults);
    out_faults->count = 0;
    shape_fault(out_faults, "", "a CloudEvent is an object");
    return false;
}

/* Whatever else is missing is missing in the data. */
void cloudevents_tell(const struct shape *s, struct event_fault *fault)
{
    static const char *const moves[][2] = {
        {"/event_id", "/id"},
        {"/id", "/id"},
        {"/specversion", "/specversion"},
        {"/data_base64", "/data_base64"},
        {"/event_type", "/type"},
        {"/type", "/type"},
        {"/source", "/source"},
        {"/occurred_at", "/time"},
        {"/time", "/time"},
        {"/payload/data", "/data"},
        {"/payload/data_base64", "/data_base64"},
        {"/payload", "/data"},
        {"/data", "/data"},
        {"/metadata", ""},
    };
    (void)s;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        if (shape_move(fault, moves[i][0], moves[i][1]))
            return;
    }
    if (fault->pointer[0] != '\0')
        (void)shape_move(fault, "", "/data");
}

const struct shape cloudevents_structured = {turn_structured, cloudevents_tell};
