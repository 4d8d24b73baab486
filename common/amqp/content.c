/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/content.h"

#include "common/amqp/properties.h"

/* A body buffer above this is given back after use. */
#define BODY_KEPT ((size_t)1 << 20)

void content_finish(struct content *c)
{
    buffer_finish(&c->texts);
    buffer_finish(&c->body);
}

void content_reset(struct content *c)
{
    struct buffer texts = c->texts, body = c->body;
    if (body.capacity > BODY_KEPT)
        buffer_finish(&body);
    buffer_clear(&texts);
    buffer_clear(&body);
    *c = (struct content){.texts = texts, .body = body};
}

static void add_text(struct content *c, enum content_text which, struct slice text)
{
    buffer_add_slice(&c->texts, text);
    c->text_size[which] = text.size;
}

static struct slice find_text(const struct content *c, enum content_text which)
{
    size_t from = 0;
    for (unsigned i = 0; i < which; i++)
        from += c->text_size[i];
    if (c->text_size[which] == 0)
        return (struct slice){0};
    return (struct slice){c->texts.data + from, c->text_size[which]};
}

void content_begin_delivery(struct content *c, const amqp_basic_deliver_t *m)
{
    content_reset(c);
    c->kind = CONTENT_DELIVERY;
    c->tag = m->delivery_tag;
    c->redelivered = m->redelivered != 0;
    add_text(c, CONTENT_CONSUMER_TAG, wire_slice(m->consumer_tag));
    add_text(c, CONTENT_ROUTING_KEY, wire_slice(m->routing_key));
}

void content_begin_return(struct content *c)
{
    content_reset(c);
    c->kind = CONTENT_RETURN;
}

static enum content_status progress(const struct content *c)
{
    if (c->texts.failed || c->body.failed)
        return CONTENT_BAD;
    return c->got == c->size ? CONTENT_WHOLE : CONTENT_MORE;
}

static enum content_status add_header(struct content *c, const struct wire_frame *f)
{
    struct properties p;
    if (c->headed || f->body_size > CONTENT_BODY_MAX || !properties_read(f->properties, &p))
        return CONTENT_BAD;
    add_text(c, CONTENT_CONTENT_TYPE, p.content_type);
    add_text(c, CONTENT_TYPE, p.type);
    add_text(c, CONTENT_MESSAGE_ID, p.message_id);
    add_text(c, CONTENT_REPLY_TO, p.reply_to);
    add_text(c, CONTENT_CORRELATION_ID, p.correlation_id);
    c->version = p.version;
    c->size = f->body_size;
    c->headed = true;
    return progress(c);
}

static enum content_status add_body(struct content *c, const struct wire_frame *f)
{
    if (!c->headed || f->body.size > c->size - c->got)
        return CONTENT_BAD;
    c->got += f->body.size;
    if (f->body.size == c->size)
        c->single = f->body;
    else if (c->kind == CONTENT_DELIVERY)
        buffer_add_slice(&c->body, f->body);
    return progress(c);
}

enum content_status content_add(struct content *c, const struct wire_frame *f)
{
    if (c->kind == CONTENT_NONE)
        return CONTENT_BAD;
    return f->kind == AMQP_FRAME_HEADER ? add_header(c, f) : add_body(c, f);
}

struct slice content_message_id(const struct content *c)
{
    return find_text(c, CONTENT_MESSAGE_ID);
}

struct link_delivery content_delivery(const struct content *c)
{
    return (struct link_delivery){
        .tag = c->tag,
        .redelivered = c->redelivered,
        .version = c->version,
        .consumer_tag = find_text(c, CONTENT_CONSUMER_TAG),
        .routing_key = find_text(c, CONTENT_ROUTING_KEY),
        .content_type = find_text(c, CONTENT_CONTENT_TYPE),
        .type = find_text(c, CONTENT_TYPE),
        .message_id = find_text(c, CONTENT_MESSAGE_ID),
        .reply_to = find_text(c, CONTENT_REPLY_TO),
        .correlation_id = find_text(c, CONTENT_CORRELATION_ID),
        .body = c->single.data != NULL ? c->single : buffer_slice(&c->body),
    };
}
