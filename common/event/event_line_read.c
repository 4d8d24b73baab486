/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line becomes an event again (event_line.c has the form). A line of a newer version may have
 * fields this one does not know: they are kept in the metadata.
 */
#include "common/event/event.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event_reading.h"
#include "common/json/json_text.h"

/* What stands behind the prefix is compared byte by byte, so the head must be exactly there. */
static bool has_head(const struct gate_value *object, struct slice line)
{
    const struct gate_member *m = object->members;
    return object->member_count >= 2 && slice_equals(m[0].name, SLICE("id")) &&
           slice_equals(m[1].name, SLICE("received_at")) &&
           m[1].value.size == CLOCK_TEXT_SIZE + 2 &&
           m[1].value.data + m[1].value.size == line.data + EVENT_LINE_PREFIX;
}

static struct slice body_of(const struct gate_member *m)
{
    return m->kind == GATE_STRING ? json_body_of(m->value) : (struct slice){0};
}

static bool read_said(struct slice hex, uint8_t out[EVENT_SAID_SIZE])
{
    if (hex.size != (size_t)2 * EVENT_SAID_SIZE)
        return false;
    for (size_t i = 0; i < hex.size; i++) {
        const char c = hex.data[i];
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f'))
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (is_digit ? c - '0' : c - 'a' + 10));
    }
    return true;
}

/* Of its token: 255 characters, all of them escaped. */
#define ALSO_SIZE_MAX (255 * 6 + 2)

/* What stands between the prefix and the fields. Returns the place of the first field. */
static size_t read_line_head(struct reading *x)
{
    const struct gate_member *m = x->object->members;
    const size_t count = x->object->member_count;
    struct log_event *e = &x->event;
    if (count == 2 || !slice_equals(m[2].name, SLICE("said")))
        return 2;
    e->has_said = read_said(body_of(&m[2]), e->said);
    if (!e->has_said)
        event_say(x->faults, m[2].name, "expected 32 hexadecimal digits");
    if (count == 3 || !slice_equals(m[3].name, SLICE("also")))
        return 3;
    e->also = m[3].value;
    if (m[3].kind != GATE_STRING || m[3].value.size == 2 || m[3].value.size > ALSO_SIZE_MAX)
        event_say(x->faults, m[3].name, "expected an id");
    return 4;
}

static bool is_of_head(struct slice name)
{
    return slice_equals(name, SLICE("said")) || slice_equals(name, SLICE("also"));
}

static void read_line_members(struct reading *x)
{
    const struct gate_member *members = x->object->members;
    if (!id_parse(body_of(&members[0]), &x->event.id))
        event_say(x->faults, members[0].name, "expected a UUID");
    if (!clock_parse(body_of(&members[1]), &x->event.received_at))
        event_say(x->faults, members[1].name, "expected a time");
    const size_t first = read_line_head(x);
    const struct slice last = members[first - 1].value;
    if (x->faults->count == 0 &&
        last.data + last.size != x->object->text.data + event_head_size(&x->event))
        event_say(x->faults, members[first - 1].name, "expected no white space before it");
    for (size_t i = first; i < x->object->member_count; i++) {
        const struct event_name *name = event_names_find(&x->reader->names, members[i].name);
        if (name != NULL && !name->is_alias)
            event_read_field(x, name, &members[i]);
        else if (is_of_head(members[i].name))
            event_say(x->faults, members[i].name, "expected at the head of the line only");
        else
            event_note_unknown(x, i);
    }
    event_gather_newer(x);
}

static void say_malformed(struct event_faults *faults, const struct gate_verdict *verdict)
{
    faults->count = 0;
    if (verdict->fault == GATE_FAULT_MEMORY)
        return;
    struct event_fault *fault = event_add_fault(faults, (struct slice){0});
    memcpy(fault->pointer, verdict->pointer, sizeof fault->pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s (at byte %zu)",
             gate_fault_text(verdict->fault), verdict->offset);
}

bool event_read_line(struct event_reader *r, struct slice line, struct log_event *out,
                     struct event_faults *out_faults)
{
    struct gate_value object;
    struct gate_verdict verdict;
    struct reading x = {.reader = r, .object = &object, .faults = out_faults};
    if (!gate_scan_whole(r->line_gate, line, &object, &verdict)) {
        say_malformed(out_faults, &verdict);
        return false;
    }
    if (!event_must_be_object(&object, out_faults) || !event_begin(&x))
        return false;
    if (!has_head(&object, line)) {
        event_say(out_faults, (struct slice){0}, "a line starts with id and received_at");
        return false;
    }
    read_line_members(&x);
    return event_finish(&x, out);
}
