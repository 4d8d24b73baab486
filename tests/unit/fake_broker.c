/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/amqp/feed.h"
#include "common/amqp/link_private.h"
#include "common/net/loop.h"
#include "tests/unit/unit.h"

__attribute__((format(printf, 2, 3))) static void note(struct fake *f, const char *format, ...)
{
    char event[512];
    va_list args;
    va_start(args, format);
    vsnprintf(event, sizeof event, format, args);
    va_end(args);
    const size_t used = strlen(f->events);
    snprintf(f->events + used, sizeof f->events - used, "%s ", event);
    if (f->on_event != NULL)
        f->on_event(f, event);
}

static void on_ready(void *arg, uint64_t generation)
{
    note(arg, "ready(%llu)", (unsigned long long)generation);
}

static void on_lost(void *arg, const char *reason)
{
    note(arg, "lost(%s)", reason);
}

static void on_blocked(void *arg, const char *reason)
{
    note(arg, reason != NULL ? "blocked(%s)" : "unblocked", reason);
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    static const char *const words[] = {"acked", "nacked", "returned"};
    note(arg, "%s(%llu)", words[c->outcome], (unsigned long long)c->tag);
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    note(arg, "delivery(%llu/%llu %.*s %.*s %.*s %.*s %.*s%s%.*s%s%.*s v%lld %zu:%.*s%s)",
         (unsigned long long)d->generation, (unsigned long long)d->tag, SLICE_ARGS(d->consumer_tag),
         SLICE_ARGS(d->routing_key), SLICE_ARGS(d->content_type), SLICE_ARGS(d->type),
         SLICE_ARGS(d->message_id), d->reply_to.size > 0 ? " to " : "", SLICE_ARGS(d->reply_to),
         d->correlation_id.size > 0 ? " of " : "", SLICE_ARGS(d->correlation_id),
         (long long)d->version, d->body.size, d->body.size > 20 ? 20 : (int)d->body.size,
         d->body.size > 0 ? d->body.data : "", d->redelivered ? " again" : "");
}

static void on_cancelled(void *arg, struct slice consumer_tag)
{
    note(arg, "cancelled(%.*s)", SLICE_ARGS(consumer_tag));
}

static void on_closed(void *arg)
{
    struct fake *f = arg;
    f->link = NULL;
    note(f, "closed");
}

void fake_answer(void *arg, const struct link_answer *answer)
{
    if (answer->ok)
        note(arg, "ok(%u)", answer->messages);
    else
        note(arg, "no(%d %s)", answer->code, answer->text);
}

void fake_init(struct fake *f)
{
    static const struct link_options options = {.name = "test",
                                                .hosts = "127.0.0.1",
                                                .port = 5672,
                                                .user = "user",
                                                .password = "secret",
                                                .vhost = "/",
                                                .ca_file = "",
                                                .heartbeat_s = 10};
    static const struct link_handler handler = {.on_ready = on_ready,
                                                .on_lost = on_lost,
                                                .on_blocked = on_blocked,
                                                .on_confirm = on_confirm,
                                                .on_delivery = on_delivery,
                                                .on_cancelled = on_cancelled,
                                                .on_closed = on_closed};
    *f = (struct fake){.loop = loop_create()};
    assert_non_null(f->loop);
    f->link = link_create(f->loop, &options, &handler, f);
    assert_non_null(f->link);
}

void fake_finish(struct fake *f)
{
    if (!f->destroyed)
        link_destroy(f->link);
    loop_destroy(f->loop);
}

void fake_bytes(struct fake *f, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0 && f->link != NULL && !f->destroyed) {
        const size_t n = f->chunk > 0 && f->chunk < size ? f->chunk : size;
        feed_bytes(f->link, bytes, n);
        bytes += n;
        size -= n;
    }
}

static void feed_all(struct fake *f, struct evbuffer *from)
{
    const size_t size = evbuffer_get_length(from);
    fake_bytes(f, evbuffer_pullup(from, -1), size);
    evbuffer_free(from);
}

void fake_method(struct fake *f, uint32_t method, void *fields)
{
    struct evbuffer *frame = evbuffer_new();
    assert_true(wire_add_method(frame, method, fields, 2048));
    feed_all(f, frame);
}

void fake_content(struct fake *f, const struct link_message *m, size_t piece)
{
    const struct wire w = {.frame_max = piece + 8};
    struct evbuffer *frames = evbuffer_new();
    uint8_t head[7];
    assert_true(wire_add_message(&w, frames, m));
    /* Without the publish in front. */
    evbuffer_copyout(frames, head, sizeof head);
    evbuffer_drain(frames, ((size_t)head[5] << 8 | head[6]) + 8);
    feed_all(f, frames);
}

void fake_deliver(struct fake *f, uint64_t tag, const struct link_message *m, size_t piece)
{
    amqp_basic_deliver_t d = {.consumer_tag = wire_text("c"),
                              .delivery_tag = tag,
                              .exchange = wire_text(m->exchange),
                              .routing_key = wire_text(m->routing_key)};
    fake_method(f, AMQP_BASIC_DELIVER_METHOD, &d);
    fake_content(f, m, piece);
}

void fake_ack(struct fake *f, uint64_t tag, bool multiple)
{
    amqp_basic_ack_t m = {.delivery_tag = tag, .multiple = multiple};
    fake_method(f, AMQP_BASIC_ACK_METHOD, &m);
}

void fake_nack(struct fake *f, uint64_t tag, bool multiple)
{
    amqp_basic_nack_t m = {.delivery_tag = tag, .multiple = multiple};
    fake_method(f, AMQP_BASIC_NACK_METHOD, &m);
}

void fake_close_channel(struct fake *f, uint16_t code, const char *text, uint32_t method)
{
    amqp_channel_close_t m = {.reply_code = code,
                              .reply_text = wire_text(text),
                              .class_id = (uint16_t)(method >> 16),
                              .method_id = (uint16_t)method};
    fake_method(f, AMQP_CHANNEL_CLOSE_METHOD, &m);
}

void fake_close(struct fake *f, uint16_t code, const char *text)
{
    amqp_connection_close_t m = {.reply_code = code, .reply_text = wire_text(text)};
    fake_method(f, AMQP_CONNECTION_CLOSE_METHOD, &m);
}

void fake_attach(struct fake *f)
{
    assert_true(feed_attach(f->link));
}

void fake_open(struct fake *f)
{
    amqp_connection_start_t start = {.version_minor = 9,
                                     .mechanisms = wire_text("AMQPLAIN PLAIN"),
                                     .locales = wire_text("en_US")};
    amqp_connection_tune_t tune = {.channel_max = 2047, .frame_max = 131072, .heartbeat = 60};
    amqp_connection_open_ok_t open = {0};
    amqp_channel_open_ok_t channel = {0};
    fake_attach(f);
    fake_method(f, AMQP_CONNECTION_START_METHOD, &start);
    fake_method(f, AMQP_CONNECTION_TUNE_METHOD, &tune);
    fake_method(f, AMQP_CONNECTION_OPEN_OK_METHOD, &open);
    fake_method(f, AMQP_CHANNEL_OPEN_OK_METHOD, &channel);
    assert_true(link_is_ready(f->link));
    fake_events(f);
    fake_said(f);
}

void fake_confirm(struct fake *f)
{
    amqp_confirm_select_ok_t m = {0};
    fake_open(f);
    link_select_confirms(f->link, NULL, NULL);
    fake_method(f, AMQP_CONFIRM_SELECT_OK_METHOD, &m);
    fake_said(f);
}

void fake_turn(struct fake *f)
{
    event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK);
}

void fake_timer(struct fake *f)
{
    event_active(f->link->timer, EV_TIMEOUT, 0);
    fake_turn(f);
}

const char *fake_events(struct fake *f)
{
    static char copy[sizeof f->events];
    memcpy(copy, f->events, sizeof copy);
    f->events[0] = '\0';
    return copy;
}

static void name_frame(struct fake *f, const struct wire_frame *frame)
{
    static const char *const kinds[] = {[AMQP_FRAME_HEADER] = "header",
                                        [AMQP_FRAME_BODY] = "body",
                                        [AMQP_FRAME_HEARTBEAT] = "heartbeat"};
    const size_t used = strlen(f->said);
    char *to = f->said + used;
    const size_t room = sizeof f->said - used;
    if (frame->kind == AMQP_FRAME_METHOD) {
        const char *name = amqp_method_name(frame->method) + strlen("AMQP_");
        snprintf(to, room, "%.*s ", (int)(strlen(name) - strlen("_METHOD")), name);
    } else if (frame->kind == AMQP_FRAME_BODY) {
        snprintf(to, room, "body(%zu) ", frame->body.size);
    } else {
        snprintf(to, room, "%s ", kinds[frame->kind]);
    }
}

const char *fake_said(struct fake *f)
{
    struct evbuffer *out = feed_said(f->link);
    struct wire w;
    struct wire_frame frame;
    char start[8];
    f->said[0] = '\0';
    wire_init(&w);
    w.frame_max = 131072;
    if (evbuffer_copyout(out, start, 8) == 8 && memcmp(start, "AMQP\0\0\x09\x01", 8) == 0) {
        snprintf(f->said, sizeof f->said, "START ");
        evbuffer_drain(out, 8);
    }
    while (wire_read(&w, out, &frame) == WIRE_FRAME) {
        name_frame(f, &frame);
        wire_drop(&w, out, &frame);
    }
    assert_int_equal(evbuffer_get_length(out), 0);
    wire_finish(&w);
    return f->said;
}
