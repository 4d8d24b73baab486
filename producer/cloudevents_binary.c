/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary mode: attributes are headers ce-<name>, the body is the data, Content-Type its type. The
 * headers become the members the same event has in JSON format, so that everything behind knows
 * one form. Data of a JSON type stays JSON; text becomes a string; everything else base64.
 */
#include "producer/cloudevents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/json/json_text.h"
#include "common/net/head.h"
#include "producer/cloudevents_private.h"
#include "producer/media.h"
#include "producer/percent.h"

/* The content type and the data besides the headers. */
enum { MEMBERS_MAX = HEAD_FIELDS_MAX + 2 };

void cloudevents_binary_finish(struct cloudevents_binary *b)
{
    free(b->attributes);
    buffer_finish(&b->text);
    buffer_finish(&b->data);
    *b = (struct cloudevents_binary){0};
}

static bool is_attribute(struct slice name)
{
    return name.size > 3 && slice_equals_nocase((struct slice){name.data, 3}, SLICE("ce-"));
}

bool cloudevents_is_binary(const struct call *c)
{
    struct slice rest = {0}, name, value;
    while (call_next_header(c, &rest, &name, &value)) {
        if (is_attribute(name))
            return true;
    }
    return false;
}

static bool refuse(struct event_fault *out_fault, struct slice header, const char *detail)
{
    out_fault->pointer[0] = '\0';
    snprintf(out_fault->detail, sizeof out_fault->detail, "header %.*s: %.160s",
             (int)(header.size > 64 ? 64 : header.size), header.data, detail);
    return false;
}

/* Names are lower-case letters and digits; headers come in any case. */
static bool add_name(struct cloudevents_binary *b, struct slice name, struct gate_member *m)
{
    const size_t start = b->text.size;
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        const char lower = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        if (!(lower >= 'a' && lower <= 'z') && !(lower >= '0' && lower <= '9'))
            return false;
        buffer_add_byte(&b->text, (uint8_t)lower);
    }
    m->name = (struct slice){b->text.data + start, name.size};
    return !slice_equals(m->name, SLICE("data")) &&
           !slice_equals(m->name, SLICE("datacontenttype"));
}

/* A value in double quotes is taken out of them first. */
static struct slice unquoted(struct slice value, char *room)
{
    size_t size = 0;
    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"')
        return value;
    for (size_t i = 1; i + 1 < value.size; i++) {
        if (value.data[i] == '\\' && i + 2 < value.size)
            i++;
        room[size++] = value.data[i];
    }
    return (struct slice){room, size};
}

static bool add_attribute(struct cloudevents_binary *b, struct slice header, struct slice value,
                          struct event_fault *out_fault)
{
    char room[HEAD_SIZE_MAX];
    struct gate_member *m = &b->attributes[b->count];
    const struct slice name = {header.data + 3, header.size - 3};
    *m = (struct gate_member){.kind = GATE_STRING};
    if (!add_name(b, name, m))
        return refuse(out_fault, header, "no attribute has such a name");
    const size_t start = b->text.size;
    if (!percent_decode(unquoted(value, room), &b->text))
        return refuse(out_fault, header, "not valid UTF-8 when percent-decoded");
    m->value = (struct slice){b->text.data + start, b->text.size - start};
    b->count++;
    return true;
}

static bool add_attributes(struct cloudevents_binary *b, const struct call *c,
                           struct event_fault *out_fault)
{
    struct slice rest = {0}, name, value;
    while (call_next_header(c, &rest, &name, &value)) {
        if (is_attribute(name) && !add_attribute(b, name, value, out_fault))
            return false;
    }
    return true;
}

static void add_content_type(struct cloudevents_binary *b, struct slice content_type)
{
    const size_t start = b->text.size;
    if (content_type.size == 0 || !percent_decode(content_type, &b->text))
        return;
    b->attributes[b->count++] = (struct gate_member){
        .name = SLICE("datacontenttype"),
        .value = {b->text.data + start, b->text.size - start},
        .kind = GATE_STRING,
    };
}

static void add_base64(struct slice body, struct buffer *out)
{
    const size_t room = (body.size + 2) / 3 * 4 + 1;
    buffer_add_byte(out, '"');
    char *to = buffer_reserve(out, room);
    if (to == NULL)
        return;
    out->size += (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)body.data,
                                         (int)body.size);
    buffer_add_byte(out, '"');
}

/* The data as JSON text. */
static struct slice data_of(struct cloudevents_binary *b, struct slice content_type,
                            struct slice body)
{
    if (body.size == 0)
        return SLICE("null");
    if (content_type.size == 0 || media_is_json(content_type))
        return body;
    b->is_base64 = !media_is_text(content_type) || !json_is_utf8(body) ||
                   memchr(body.data, '\0', body.size) != NULL;
    if (b->is_base64)
        add_base64(body, &b->data);
    else
        buffer_add_json_string(&b->data, body);
    return buffer_slice(&b->data);
}

static bool turn_binary(const struct shape *s, const struct gate_value *value, struct buffer *out,
                        struct event_faults *out_faults)
{
    const struct cloudevents_binary *b = (const struct cloudevents_binary *)s;
    struct gate_member members[MEMBERS_MAX];
    memcpy(members, b->attributes, b->count * sizeof members[0]);
    members[b->count] =
        (struct gate_member){.name = b->is_base64 ? SLICE("data_base64") : SLICE("data"),
                             .value = value->text,
                             .kind = value->kind};
    if (cloudevents_turn(members, b->count + 1, out, out_faults))
        return true;
    for (size_t i = 0; i < out_faults->count; i++)
        s->tell(s, &out_faults->fault[i]);
    return false;
}

/* Data is told by its place in the body, attributes by their headers. */
static void tell_binary(const struct shape *s, struct event_fault *fault)
{
    char header[sizeof fault->pointer], detail[sizeof fault->detail];
    cloudevents_tell(s, fault);
    if (shape_move(fault, "/data", "") || shape_move(fault, "/data_base64", "") ||
        fault->pointer[0] == '\0')
        return;
    snprintf(header, sizeof header, "ce-%.64s", fault->pointer + 1);
    memcpy(detail, fault->detail, sizeof detail);
    (void)refuse(fault, slice_of(header), detail);
}

bool cloudevents_read_binary(struct cloudevents_binary *b, const struct call *c, struct slice *text,
                             struct event_fault *out_fault)
{
    /* What is read lies in one text, which must not move: quotes and escapes make it larger. */
    const size_t room = HEAD_SIZE_MAX * 6 + MEMBERS_MAX * 4;
    const struct slice content_type = call_header(c, "content-type");
    b->shape = (struct shape){turn_binary, tell_binary};
    b->count = 0;
    b->is_base64 = false;
    buffer_clear(&b->text);
    buffer_finish(&b->data);
    if (b->attributes == NULL)
        b->attributes = calloc(MEMBERS_MAX, sizeof *b->attributes);
    if (b->attributes == NULL || buffer_reserve(&b->text, room) == NULL)
        return refuse(out_fault, SLICE("ce-id"), "out of memory");
    if (!add_attributes(b, c, out_fault))
        return false;
    add_content_type(b, content_type);
    *text = data_of(b, content_type, *text);
    return true;
}
