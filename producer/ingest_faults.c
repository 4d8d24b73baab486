/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with an item, as entries of a problem. Faults are written in full until
 * FAULTS_WRITTEN_MAX of them are there, then only the first of each item: the sender of ten
 * thousand wrong events learns which are wrong.
 */
#include <stdio.h>
#include <string.h>

#include "producer/ingest_private.h"

enum { FAULTS_WRITTEN_MAX = 100 };

struct ingest_span ingest_span_from(const struct ingest *in, size_t at)
{
    return (struct ingest_span){at, in->text.size - at};
}

static void write_fault(struct ingest *in, const struct ingest_item *item,
                        const struct event_fault *fault)
{
    const bool in_array = !in->result.single && in->body.form == INGEST_JSON;
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
void ingest_refuse(struct ingest *in, struct ingest_item *item, int status, const char *slug)
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
    item->faults = ingest_span_from(in, start);
}

static struct event_fault *only_fault(struct ingest *in)
{
    in->faults.count = 1;
    in->faults.fault[0] = (struct event_fault){0};
    return &in->faults.fault[0];
}

void ingest_refuse_text(struct ingest *in, struct ingest_item *item, const char *detail,
                        size_t offset)
{
    struct event_fault *fault = only_fault(in);
    snprintf(fault->detail, sizeof fault->detail, "%s (at byte %zu)", detail, offset);
    ingest_refuse(in, item, 400, "invalid-json");
}

void ingest_refuse_verdict(struct ingest *in, struct ingest_item *item,
                           const struct gate_verdict *verdict, size_t before)
{
    struct event_fault *fault = only_fault(in);
    memcpy(fault->pointer, verdict->pointer, sizeof fault->pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s (at byte %zu)",
             gate_fault_text(verdict->fault), before + verdict->offset);
    ingest_refuse(in, item, 400, verdict->fault == GATE_FAULT_DEPTH ? "too-deep" : "invalid-json");
    in->result.no_memory = in->result.no_memory || verdict->fault == GATE_FAULT_MEMORY;
}

void ingest_refuse_size(struct ingest *in, struct ingest_item *item)
{
    struct event_fault *fault = only_fault(in);
    snprintf(fault->detail, sizeof fault->detail, "an event may have %zu bytes",
             in->limits.event_bytes);
    ingest_refuse(in, item, 413, "too-large");
}

void ingest_refuse_line(struct ingest *in, struct ingest_item *item)
{
    struct event_fault *fault = only_fault(in);
    snprintf(
        fault->detail, sizeof fault->detail,
        "with what Holdfast adds to it, the event is larger than the %zu bytes a queue accepts",
        INGEST_LINE_BYTES_MAX);
    ingest_refuse(in, item, 413, "too-large");
}

void ingest_tell(struct ingest *in)
{
    const struct shape *shape = in->body.shape;
    if (in->turned.size == 0 || shape->tell == NULL)
        return;
    for (size_t i = 0; i < in->faults.count; i++)
        shape->tell(shape, &in->faults.fault[i]);
}

/* Two of the sender's names became one, or the limits of an event are just passed. */
void ingest_refuse_turned(struct ingest *in, struct ingest_item *item,
                          const struct gate_verdict *verdict)
{
    struct event_fault *fault = only_fault(in);
    memcpy(fault->pointer, verdict->pointer, sizeof fault->pointer);
    snprintf(fault->detail, sizeof fault->detail, "%s", gate_fault_text(verdict->fault));
    ingest_tell(in);
    ingest_refuse(in, item, 400, verdict->fault == GATE_FAULT_DEPTH ? "too-deep" : "invalid-json");
    in->result.no_memory = in->result.no_memory || verdict->fault == GATE_FAULT_MEMORY;
}
