/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/otlp.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json/gate.h"
#include "common/json/json_text.h"
#include "common/json/json_walk.h"
#include "producer/otlp_names.h"
#include "producer/otlp_private.h"
#include "producer/otlp_value.h"
#include "producer/walk.h"

enum {
    SERVICE_BYTES_MAX = 255,
    SCAN_BYTES = 256 * 1024, /* of a step: a millisecond */
};

static bool refuse(struct otlp_turning *t, const char *place, const char *detail)
{
    snprintf(t->fault.pointer, sizeof t->fault.pointer, "%s", place);
    snprintf(t->fault.detail, sizeof t->fault.detail, "%s", detail);
    t->result = OTLP_MALFORMED;
    return false;
}

static bool refuse_resource(struct otlp_turning *t, const char *name, const char *detail)
{
    char place[JSON_POINTER_SIZE];
    snprintf(place, sizeof place, "/resourceLogs/%zu%.200s", t->resource_at, name);
    return refuse(t, place, detail);
}

bool otlp_refuse_scope(struct otlp_turning *t, const char *name, const char *detail)
{
    char place[JSON_POINTER_SIZE];
    snprintf(place, sizeof place, "/scopeLogs/%zu%.160s", t->scope_at, name);
    return refuse_resource(t, place, detail);
}

/* {"name":…,"version":…,"schemaUrl":…,"attributes":{…}} */
static bool read_scope(struct otlp_turning *t, struct slice scope, struct slice schema)
{
    static const char *const names[] = {"name", "version", "attributes"};
    struct slice part[3];
    struct buffer *out = &t->scope;
    buffer_clear(out);
    if (!otlp_has_kind(scope, GATE_OBJECT))
        return otlp_refuse_scope(t, "/scope", "expected an object");
    walk_pick(scope.data != NULL ? scope : SLICE("{}"), names, 3, part);
    buffer_add_byte(out, '{');
    for (size_t i = 0; i < 2; i++) {
        if (part[i].data != NULL)
            shape_add(out, names[i], part[i]);
    }
    if (schema.data != NULL)
        shape_add(out, "schema_url", schema);
    if (part[2].data != NULL) {
        shape_add(out, "attributes", (struct slice){"", 0});
        if (!otlp_add_attributes(part[2], out))
            return otlp_refuse_scope(t, "/scope/attributes", OTLP_NO_ATTRIBUTES);
    }
    buffer_add_byte(out, '}');
    if (out->size == 2)
        buffer_clear(out);
    return true;
}

static bool begin_scope(struct otlp_turning *t, struct slice scope)
{
    static const char *const members[] = {"scope", "logRecords", "schemaUrl"};
    static const struct otlp_names names = {members, 3, 1};
    struct event_fault fault;
    struct slice part[3];
    t->scope_at = t->scopes++;
    if (!otlp_has_kind(scope, GATE_OBJECT))
        return otlp_refuse_scope(t, "", "expected an object");
    if (!otlp_pick(scope, &names, part, &fault))
        return otlp_refuse_scope(t, fault.pointer, fault.detail);
    if (!read_scope(t, part[0], part[2]))
        return false;
    if (!otlp_has_kind(part[1], GATE_ARRAY))
        return otlp_refuse_scope(t, "/logRecords", "expected a list of log records");
    t->record_list = part[1];
    t->record_at = 0;
    return true;
}

/* What is longer than the field may be stands in the resource only. */
static struct slice fitting(struct slice text)
{
    return text.size > 2 && text.size <= SERVICE_BYTES_MAX ? text : (struct slice){0};
}

static bool read_resource(struct otlp_turning *t, struct slice resource)
{
    static const char *const names[] = {"attributes"};
    struct slice attributes = {0};
    buffer_clear(&t->resource);
    if (!otlp_has_kind(resource, GATE_OBJECT))
        return refuse_resource(t, "/resource", "expected an object");
    if (resource.data != NULL)
        walk_pick(resource, names, 1, &attributes);
    if (attributes.data != NULL && !otlp_add_attributes(attributes, &t->resource))
        return refuse_resource(t, "/resource/attributes", OTLP_NO_ATTRIBUTES);
    t->service = fitting(otlp_find_text(attributes, "service.name"));
    t->service_version = fitting(otlp_find_text(attributes, "service.version"));
    return true;
}

static bool begin_resource(struct otlp_turning *t, struct slice resource)
{
    static const char *const members[] = {"resource", "scopeLogs", "schemaUrl"};
    static const struct otlp_names names = {members, 3, 1};
    struct event_fault fault;
    struct slice part[3];
    t->resource_at = t->resources++;
    if (!otlp_has_kind(resource, GATE_OBJECT))
        return refuse_resource(t, "", "expected an object");
    if (!otlp_pick(resource, &names, part, &fault))
        return refuse_resource(t, fault.pointer, fault.detail);
    if (!read_resource(t, part[0]))
        return false;
    if (!otlp_has_kind(part[1], GATE_ARRAY))
        return refuse_resource(t, "/scopeLogs", "expected a list of objects");
    t->scope_list = part[1];
    t->scopes = 0;
    return true;
}

/* A step of it. */
static bool scan(struct otlp_turning *t)
{
    struct gate_value value;
    struct gate_verdict verdict;
    char detail[128];
    switch (gate_step(t->request.gate, SCAN_BYTES, &value, &verdict)) {
    case GATE_MORE:
        return true;
    case GATE_GOOD:
        t->scanned = true;
        return value.kind == GATE_OBJECT || refuse(t, "", "expected an object");
    case GATE_BAD:
        break;
    }
    snprintf(detail, sizeof detail, "%s (at byte %zu)", gate_fault_text(verdict.fault),
             verdict.offset);
    refuse(t, verdict.pointer, detail);
    if (verdict.fault == GATE_FAULT_MEMORY)
        t->result = OTLP_NO_MEMORY;
    return false;
}

static bool begin_all(struct otlp_turning *t)
{
    static const char *const members[] = {"resourceLogs"};
    static const struct otlp_names names = {members, 1, 0};
    struct event_fault fault;
    if (!otlp_pick(slice_trim(t->request.body), &names, &t->resource_list, &fault))
        return refuse(t, fault.pointer, fault.detail);
    return otlp_has_kind(t->resource_list, GATE_ARRAY) ||
           refuse(t, "/resourceLogs", "expected a list of objects");
}

/* The next element of a list; an absent one, or one that is through, has none. */
static bool take(struct slice *list, struct slice *out)
{
    if (list->data != NULL && json_next_element(list, out))
        return true;
    *list = (struct slice){0};
    return false;
}

struct otlp_turning *otlp_begin(const struct otlp_request *request)
{
    struct otlp_turning *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->request = *request;
    t->out = request->out;
    t->end = request->out->size + request->bytes_max;
    gate_begin(request->gate, request->body);
    return t;
}

bool otlp_step(struct otlp_turning *t)
{
    struct slice item;
    if (!t->scanned)
        return scan(t);
    if (!t->begun)
        return t->begun = begin_all(t);
    if (take(&t->record_list, &item)) {
        const bool added = otlp_add_record(t, item);
        t->record_at++;
        return added;
    }
    if (take(&t->scope_list, &item))
        return begin_scope(t, item);
    return take(&t->resource_list, &item) && begin_resource(t, item);
}

enum otlp_result otlp_end(struct otlp_turning *t, struct event_fault *out_fault)
{
    const enum otlp_result result = t->result;
    if (result == OTLP_MALFORMED)
        *out_fault = t->fault;
    buffer_finish(&t->resource);
    buffer_finish(&t->scope);
    free(t);
    return result;
}

enum otlp_result otlp_turn(const struct otlp_request *request, struct event_fault *out_fault)
{
    struct otlp_turning *t = otlp_begin(request);
    if (t == NULL)
        return OTLP_NO_MEMORY;
    while (otlp_step(t))
        continue;
    return otlp_end(t, out_fault);
}
