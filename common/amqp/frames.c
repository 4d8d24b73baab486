/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in, frame by frame, each given to the one function that knows it. Anything out of
 * turn ends the connection: after a fault nothing of the stream can be trusted, and all that was
 * not confirmed or acknowledged comes again anyway. A channel that is closing is no fault: RabbitMQ
 * 4.3 sends a delivery behind its own channel.close. Until the next channel is open, what comes is
 * of the one before, and discarded.
 */
#include "common/amqp/frames.h"

#include <stdio.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "common/amqp/calls.h"
#include "common/amqp/handshake.h"
#include "common/amqp/link_private.h"
#include "common/amqp/state.h"

static void bad(struct link *l, const char *what)
{
    link_drop(l, "protocol error: %s", what);
}

static void on_channel_close(struct link *l, const struct wire_frame *f)
{
    const amqp_channel_close_t *m = f->fields;
    amqp_channel_close_ok_t ok = {0};
    char words[256];
    snprintf(words, sizeof words, "%.*s", SLICE_ARGS(wire_slice(m->reply_text)));
    link_set_reason(l, "the broker closed the channel: %d %s", m->reply_code, words);
    link_wrote(l, wire_add_method(l->out, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, 64));
    link_drop_channel(l, &(struct link_answer){.code = m->reply_code, .text = words},
                      (uint32_t)m->class_id << 16 | m->method_id);
}

static void on_deliver(struct link *l, const struct wire_frame *f)
{
    content_begin_delivery(&l->content, f->fields);
}

static void on_return(struct link *l, const struct wire_frame *f)
{
    (void)f;
    content_begin_return(&l->content);
}

static void settle(struct link *l, uint64_t tag, bool multiple, enum link_outcome outcome)
{
    const struct confirms_sink sink = {l->handler.on_confirm, l->arg};
    const bool known = multiple ? confirms_settle_upto(&l->confirms, tag, outcome, &sink)
                                : confirms_settle(&l->confirms, tag, outcome, &sink);
    if (!known)
        bad(l, "confirm of a message that is not outstanding");
}

static void on_ack(struct link *l, const struct wire_frame *f)
{
    const amqp_basic_ack_t *m = f->fields;
    settle(l, m->delivery_tag, m->multiple != 0, LINK_ACKED);
}

static void on_nack(struct link *l, const struct wire_frame *f)
{
    const amqp_basic_nack_t *m = f->fields;
    settle(l, m->delivery_tag, m->multiple != 0, LINK_NACKED);
}

static void on_cancel(struct link *l, const struct wire_frame *f)
{
    const amqp_basic_cancel_t *m = f->fields;
    amqp_basic_cancel_ok_t ok = {.consumer_tag = m->consumer_tag};
    if (!m->nowait)
        link_wrote(l, wire_add_method(l->out, AMQP_BASIC_CANCEL_OK_METHOD, &ok, 512));
    if (l->handler.on_cancelled != NULL)
        l->handler.on_cancelled(l->arg, wire_slice(m->consumer_tag));
}

static const struct {
    uint32_t method;
    void (*fn)(struct link *l, const struct wire_frame *f);
} rows[] = {
    {AMQP_BASIC_DELIVER_METHOD, on_deliver}, {AMQP_BASIC_RETURN_METHOD, on_return},
    {AMQP_BASIC_ACK_METHOD, on_ack},         {AMQP_BASIC_NACK_METHOD, on_nack},
    {AMQP_BASIC_CANCEL_METHOD, on_cancel},
};

static void on_ready_method(struct link *l, const struct wire_frame *f)
{
    if (l->content.kind != CONTENT_NONE) {
        bad(l, "message interrupted by another method");
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].method == f->method) {
            rows[i].fn(l, f);
            return;
        }
    }
    if (!calls_answer(l, f))
        bad(l, "answer without a request");
}

static bool is_between_channels(const struct link *l)
{
    return l->state == LINK_CHANNEL || l->state == LINK_REOPENING;
}

static void on_method(struct link *l, const struct wire_frame *f)
{
    if (l->state != LINK_READY && !is_between_channels(l))
        bad(l, "method on a channel not yet open");
    else if (f->method == AMQP_CHANNEL_CLOSE_METHOD && l->state != LINK_REOPENING)
        on_channel_close(l, f);
    else if (l->state == LINK_READY)
        on_ready_method(l, f);
    else if (f->method == AMQP_CHANNEL_OPEN_OK_METHOD && l->state == LINK_CHANNEL)
        link_opened(l);
}

static void on_whole(struct link *l)
{
    if (l->content.kind == CONTENT_RETURN) {
        if (!confirms_return(&l->confirms, content_message_id(&l->content)))
            bad(l, "return of a message that is not outstanding");
    } else if (l->handler.on_delivery != NULL) {
        struct link_delivery delivery = content_delivery(&l->content);
        delivery.generation = l->generation;
        l->handler.on_delivery(l->arg, &delivery);
    }
    content_reset(&l->content);
}

static void on_content(struct link *l, const struct wire_frame *f)
{
    if (is_between_channels(l))
        return;
    const enum content_status status =
        l->state == LINK_READY ? content_add(&l->content, f) : CONTENT_BAD;
    if (status == CONTENT_BAD)
        bad(l, "message out of order, too large, or without memory for it");
    else if (status == CONTENT_WHOLE)
        on_whole(l);
}

static void on_frame_closing(struct link *l, const struct wire_frame *f)
{
    if (f->kind == AMQP_FRAME_METHOD &&
        (f->method == AMQP_CONNECTION_CLOSE_OK_METHOD || f->method == AMQP_CONNECTION_CLOSE_METHOD))
        link_drop(l, "closed as agreed");
}

static void on_frame(struct link *l, const struct wire_frame *f)
{
    if (f->kind == AMQP_FRAME_HEARTBEAT)
        return;
    if (l->state == LINK_CLOSING)
        on_frame_closing(l, f);
    else if (f->kind == AMQP_FRAME_METHOD && f->channel != 0)
        on_method(l, f);
    else if (f->kind == AMQP_FRAME_METHOD)
        handshake_method(l, f);
    else if (f->channel != 0)
        on_content(l, f);
    else
        bad(l, "message on channel 0");
}

void frames_read(struct link *l)
{
    /* Any frame may end the connection; its input must outlive the turn. */
    struct evbuffer *in = l->in;
    struct bufferevent *bev = l->bev;
    if (bev != NULL)
        bufferevent_incref(bev);
    while (l->in == in && !l->paused) {
        struct wire_frame f;
        const enum wire_status status = wire_read(&l->wire, in, &f);
        if (status == WIRE_MORE)
            break;
        if (status == WIRE_BAD) {
            bad(l, l->wire.fault);
            break;
        }
        on_frame(l, &f);
        wire_drop(&l->wire, in, &f);
    }
    if (bev != NULL)
        bufferevent_decref(bev);
}
