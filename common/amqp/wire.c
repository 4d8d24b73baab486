/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame of AMQP 0-9-1, numbers in network order:
 *
 *     kind u8 | channel u16 | size u32 | payload, size bytes | 0xCE
 *
 * Payload of a method: id u32, fields. Of a header: class u16, 0 u16, body size u64, properties. Of
 * a body: the bytes.
 *
 * Only whole frames leave the input, so the decoder needs no state of its own: librabbitmq's
 * functions for one method are used with one pool, recycled after each frame. Its connection object
 * (amqp_handle_input) was rejected: it copies every body, opens a pool of its own for every channel
 * number a peer cares to name, and stays corrupt after a fault.
 *
 * A message goes out as one run of bytes reserved in the output and filled in place: the body is
 * copied once.
 */
#include "common/amqp/wire.h"

#include <string.h>

#include <event2/buffer.h>

#include "common/amqp/link.h"
#include "common/core/clock.h"

#define HEAD_SIZE  7
#define FRAME_SIZE (HEAD_SIZE + 1) /* around the payload */

/* Fixed parts of a message: two frames, method and property fields without their texts. */
#define MESSAGE_ROOM 192

void wire_init(struct wire *w)
{
    *w = (struct wire){0};
    init_amqp_pool(&w->pool, 4096);
    wire_reset(w);
}

void wire_finish(struct wire *w)
{
    empty_amqp_pool(&w->pool);
}

void wire_reset(struct wire *w)
{
    recycle_amqp_pool(&w->pool);
    w->frame_max = WIRE_FRAME_MAX_UNTUNED;
    w->fault = NULL;
}

amqp_bytes_t wire_text(const char *text)
{
    return text != NULL ? amqp_cstring_bytes(text) : amqp_empty_bytes;
}

struct slice wire_slice(amqp_bytes_t bytes)
{
    return (struct slice){bytes.len > 0 ? bytes.bytes : "", bytes.len};
}

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

static uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}

static const char *fault_of_head(const struct wire *w, const uint8_t *head)
{
    const uint8_t kind = head[0];
    const uint16_t channel = get_u16(head + 1);
    const uint32_t size = get_u32(head + 3);
    if (memcmp(head, "AMQP", 4) == 0)
        return "the broker speaks another version of AMQP";
    if (kind != AMQP_FRAME_METHOD && kind != AMQP_FRAME_HEADER && kind != AMQP_FRAME_BODY &&
        kind != AMQP_FRAME_HEARTBEAT)
        return "what came is not AMQP";
    if (channel > WIRE_CHANNEL || (kind == AMQP_FRAME_HEARTBEAT && channel != 0))
        return "frame on a channel that is not open";
    if (size > w->frame_max - FRAME_SIZE)
        return "frame larger than agreed";
    if ((kind == AMQP_FRAME_METHOD && size < 4) || (kind == AMQP_FRAME_HEADER && size < 14))
        return "frame too short";
    return NULL;
}

static const char *decode(struct wire *w, uint8_t *payload, size_t size, struct wire_frame *out)
{
    if (out->kind == AMQP_FRAME_BODY)
        out->body = (struct slice){(const char *)payload, size};
    if (out->kind == AMQP_FRAME_HEADER) {
        out->body_size = get_u64(payload + 4);
        out->properties = (struct slice){(const char *)payload + 12, size - 12};
        return get_u16(payload) == AMQP_BASIC_CLASS ? NULL : "content header of another class";
    }
    if (out->kind != AMQP_FRAME_METHOD)
        return NULL;
    out->method = get_u32(payload);
    const amqp_bytes_t fields = {size - 4, payload + 4};
    return amqp_decode_method(out->method, &w->pool, fields, &out->fields) >= 0
               ? NULL
               : "method that cannot be decoded";
}

enum wire_status wire_read(struct wire *w, struct evbuffer *in, struct wire_frame *out)
{
    uint8_t head[HEAD_SIZE];
    if (evbuffer_copyout(in, head, sizeof head) < (ev_ssize_t)sizeof head)
        return WIRE_MORE;
    w->fault = fault_of_head(w, head);
    if (w->fault != NULL)
        return WIRE_BAD;
    const size_t payload = get_u32(head + 3);
    if (evbuffer_get_length(in) < payload + FRAME_SIZE)
        return WIRE_MORE;
    uint8_t *data = evbuffer_pullup(in, (ev_ssize_t)(payload + FRAME_SIZE));
    *out = (struct wire_frame){
        .kind = head[0], .channel = get_u16(head + 1), .size = payload + FRAME_SIZE};
    if (data == NULL)
        w->fault = "no memory for a frame";
    else if (data[HEAD_SIZE + payload] != AMQP_FRAME_END)
        w->fault = "frame without its end mark";
    else
        w->fault = decode(w, data + HEAD_SIZE, payload, out);
    return w->fault == NULL ? WIRE_FRAME : WIRE_BAD;
}

void wire_drop(struct wire *w, struct evbuffer *in, const struct wire_frame *f)
{
    evbuffer_drain(in, f->size);
    recycle_amqp_pool(&w->pool);
}

static void put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put_u32(uint8_t *p, uint32_t value)
{
    put_u16(p, (uint16_t)(value >> 16));
    put_u16(p + 2, (uint16_t)value);
}

/* Writes what goes around a payload of `size` bytes at p + HEAD_SIZE; returns the whole size. */
static size_t put_frame(uint8_t *p, uint8_t kind, uint16_t channel, size_t size)
{
    p[0] = kind;
    put_u16(p + 1, channel);
    put_u32(p + 3, (uint32_t)size);
    p[HEAD_SIZE + size] = AMQP_FRAME_END;
    return size + FRAME_SIZE;
}

/* 0: the fields do not fit. */
static size_t put_method(uint8_t *p, size_t room, uint32_t method, void *fields)
{
    const amqp_bytes_t to = {room - FRAME_SIZE - 4, p + HEAD_SIZE + 4};
    const int size = amqp_encode_method(method, fields, to);
    const bool connection = method >> 16 == AMQP_CONNECTION_CLASS;
    if (size < 0)
        return 0;
    put_u32(p + HEAD_SIZE, method);
    return put_frame(p, AMQP_FRAME_METHOD, connection ? 0 : WIRE_CHANNEL, (size_t)size + 4);
}

static size_t put_header(uint8_t *p, size_t room, size_t body_size, amqp_basic_properties_t *fields)
{
    const amqp_bytes_t to = {room - FRAME_SIZE - 12, p + HEAD_SIZE + 12};
    const int size = amqp_encode_properties(AMQP_BASIC_CLASS, fields, to);
    if (size < 0)
        return 0;
    put_u16(p + HEAD_SIZE, AMQP_BASIC_CLASS);
    put_u16(p + HEAD_SIZE + 2, 0);
    put_u32(p + HEAD_SIZE + 4, (uint32_t)((uint64_t)body_size >> 32));
    put_u32(p + HEAD_SIZE + 8, (uint32_t)body_size);
    return put_frame(p, AMQP_FRAME_HEADER, WIRE_CHANNEL, (size_t)size + 12);
}

static size_t put_body(uint8_t *p, size_t frame_max, struct slice body)
{
    size_t done = 0;
    while (body.size > 0) {
        const size_t most = frame_max - FRAME_SIZE;
        const size_t size = body.size < most ? body.size : most;
        memcpy(p + done + HEAD_SIZE, body.data, size);
        done += put_frame(p + done, AMQP_FRAME_BODY, WIRE_CHANNEL, size);
        body.data += size;
        body.size -= size;
    }
    return done;
}

bool wire_add_start(struct evbuffer *out)
{
    static const uint8_t start[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    return evbuffer_add(out, start, sizeof start) == 0;
}

bool wire_add_heartbeat(struct evbuffer *out)
{
    uint8_t frame[FRAME_SIZE];
    put_frame(frame, AMQP_FRAME_HEARTBEAT, 0, 0);
    return evbuffer_add(out, frame, sizeof frame) == 0;
}

bool wire_add_method(struct evbuffer *out, uint32_t method, void *fields, size_t room)
{
    struct evbuffer_iovec run;
    room += FRAME_SIZE + 4;
    if (evbuffer_reserve_space(out, (ev_ssize_t)room, &run, 1) != 1)
        return false;
    run.iov_len = put_method(run.iov_base, room, method, fields);
    return run.iov_len > 0 && evbuffer_commit_space(out, &run, 1) == 0;
}

static void set_text(amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t *field,
                     const char *text)
{
    if (text == NULL)
        return;
    p->_flags |= flag;
    *field = wire_text(text);
}

static amqp_basic_properties_t properties_of(const struct link_message *m)
{
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG,
        .delivery_mode = m->transient ? AMQP_DELIVERY_NONPERSISTENT : AMQP_DELIVERY_PERSISTENT,
        .timestamp = (uint64_t)(clock_wall_us() / 1000000),
    };
    set_text(&p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p.content_type, m->content_type);
    set_text(&p, AMQP_BASIC_TYPE_FLAG, &p.type, m->type);
    set_text(&p, AMQP_BASIC_MESSAGE_ID_FLAG, &p.message_id, m->message_id);
    set_text(&p, AMQP_BASIC_REPLY_TO_FLAG, &p.reply_to, m->reply_to);
    set_text(&p, AMQP_BASIC_CORRELATION_ID_FLAG, &p.correlation_id, m->correlation_id);
    return p;
}

static size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static size_t room_for(const struct wire *w, const struct link_message *m)
{
    const size_t frames = m->body.size / (w->frame_max - FRAME_SIZE) + 1;
    return MESSAGE_ROOM + length(m->exchange) + length(m->routing_key) + length(m->content_type) +
           length(m->type) + length(m->message_id) + length(m->reply_to) +
           length(m->correlation_id) + length(m->header.name) + m->body.size + frames * FRAME_SIZE;
}

static size_t put_message(const struct wire *w, uint8_t *p, size_t room,
                          const struct link_message *m)
{
    amqp_basic_publish_t publish = {.exchange = wire_text(m->exchange),
                                    .routing_key = wire_text(m->routing_key),
                                    .mandatory = m->mandatory};
    amqp_basic_properties_t properties = properties_of(m);
    amqp_table_entry_t table = {
        .key = wire_text(m->header.name),
        .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = m->header.value}};
    if (m->header.name != NULL) {
        properties._flags |= AMQP_BASIC_HEADERS_FLAG;
        properties.headers = (amqp_table_t){1, &table};
    }
    const size_t method = put_method(p, room, AMQP_BASIC_PUBLISH_METHOD, &publish);
    if (method == 0)
        return 0;
    const size_t header = put_header(p + method, room - method, m->body.size, &properties);
    if (header == 0)
        return 0;
    return method + header + put_body(p + method + header, w->frame_max, m->body);
}

bool wire_add_message(const struct wire *w, struct evbuffer *out, const struct link_message *m)
{
    struct evbuffer_iovec run;
    const size_t room = room_for(w, m);
    if (evbuffer_reserve_space(out, (ev_ssize_t)room, &run, 1) != 1)
        return false;
    run.iov_len = put_message(w, run.iov_base, room, m);
    return run.iov_len > 0 && evbuffer_commit_space(out, &run, 1) == 0;
}
