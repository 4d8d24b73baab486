/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes of a broker into the link. The first byte chooses: 1 = the handshake is done already,
 * with calls and publishes outstanding; 2 = byte by byte; 4 = what follows are payloads (kind, two
 * bytes of length, bytes) to be framed properly; 8 = the owner answers every event by doing
 * something. Each confirm is told at most once, and nothing but on_ready comes after a loss.
 */
#include <stdint.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/amqp/feed.h"
#include "common/amqp/link_private.h"
#include "common/net/loop.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum mode { OPENED = 1, BYTEWISE = 2, FRAMED = 4, ACTIVE = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
    struct link *link;
    bool active, ready;
    unsigned events;
    uint64_t generation;
    uint8_t told[256]; /* by tag, in this generation */
};

static void act(struct owner *o)
{
    const struct link_message m = {.exchange = "",
                                   .routing_key = "q",
                                   .mandatory = true,
                                   .message_id = "id",
                                   .body = SLICE("body")};
    if (!o->active || !o->ready || !link_is_ready(o->link))
        return;
    switch (o->events++ % 4) {
    case 0:
        link_publish(o->link, &m);
        break;
    case 1:
        link_ack(o->link, o->generation, o->events, true);
        break;
    case 2:
        link_pause(o->link);
        link_resume(o->link);
        break;
    default:
        link_declare_topic(o->link, "t", NULL, NULL);
        break;
    }
}

static void on_ready(void *arg, uint64_t generation)
{
    struct owner *o = arg;
    CHECK(!o->ready && generation == o->generation + 1);
    *o = (struct owner){.link = o->link,
                        .active = o->active,
                        .events = o->events,
                        .ready = true,
                        .generation = generation};
    link_select_confirms(o->link, NULL, NULL);
    act(o);
}

static void on_lost(void *arg, const char *reason)
{
    struct owner *o = arg;
    CHECK(o->ready && reason != NULL);
    o->ready = false;
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    struct owner *o = arg;
    CHECK(o->ready && c->tag > 0);
    CHECK(c->tag >= sizeof o->told || o->told[c->tag]++ == 0);
    act(o);
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    struct owner *o = arg;
    uint8_t sum = 0;
    CHECK(o->ready && d->generation == o->generation);
    for (size_t i = 0; i < d->body.size; i++)
        sum ^= (uint8_t)d->body.data[i];
    o->events += sum & 1;
    act(o);
}

static void on_cancelled(void *arg, struct slice consumer_tag)
{
    (void)consumer_tag;
    CHECK(((struct owner *)arg)->ready);
    act(arg);
}

static void on_answer(void *arg, const struct link_answer *answer)
{
    CHECK(answer->text != NULL);
    act(arg);
}

static void say(struct link *l, uint32_t method, void *fields)
{
    struct evbuffer *frame = evbuffer_new();
    CHECK(wire_add_method(frame, method, fields, 1024));
    feed_bytes(l, evbuffer_pullup(frame, -1), evbuffer_get_length(frame));
    evbuffer_free(frame);
}

static void open_link(struct owner *o)
{
    const struct link_message m = {
        .exchange = "", .routing_key = "q", .mandatory = true, .message_id = "id"};
    amqp_connection_start_t start = {.version_minor = 9, .mechanisms = wire_text("PLAIN")};
    amqp_connection_tune_t tune = {.frame_max = 4096};
    amqp_connection_open_ok_t open = {0};
    amqp_channel_open_ok_t channel = {0};
    say(o->link, AMQP_CONNECTION_START_METHOD, &start);
    say(o->link, AMQP_CONNECTION_TUNE_METHOD, &tune);
    say(o->link, AMQP_CONNECTION_OPEN_OK_METHOD, &open);
    say(o->link, AMQP_CHANNEL_OPEN_OK_METHOD, &channel);
    link_consume(o->link, "q", "c", 10, on_answer, o);
    for (int i = 0; i < 5; i++)
        link_publish(o->link, &m);
}

static void feed(struct link *l, const uint8_t *data, size_t size, bool bytewise)
{
    for (size_t i = 0; bytewise && i < size; i++)
        feed_bytes(l, data + i, 1);
    if (!bytewise)
        feed_bytes(l, data, size);
}

/* Takes one payload off the data and feeds it as a frame. */
static size_t feed_frame(struct link *l, const uint8_t *data, size_t size, bool bytewise)
{
    static const uint8_t kinds[] = {AMQP_FRAME_METHOD, AMQP_FRAME_HEADER, AMQP_FRAME_BODY,
                                    AMQP_FRAME_HEARTBEAT};
    uint8_t frame[4096 + 8];
    if (size < 3)
        return size;
    size_t length = ((size_t)data[1] << 8 | data[2]) % 4096;
    if (length > size - 3)
        length = size - 3;
    const uint8_t channel = (data[0] & 0x80) == 0;
    const uint8_t head[] = {kinds[data[0] & 3], 0, channel, 0, 0, (uint8_t)(length >> 8),
                            (uint8_t)length};
    for (size_t i = 0; i < sizeof head; i++)
        frame[i] = head[i];
    for (size_t i = 0; i < length; i++)
        frame[sizeof head + i] = data[3 + i];
    frame[sizeof head + length] = AMQP_FRAME_END;
    feed(l, frame, length + 8, bytewise);
    return length + 3;
}

static void run(struct owner *o, uint8_t mode, const uint8_t *data, size_t size)
{
    CHECK(feed_attach(o->link));
    if ((mode & OPENED) != 0)
        open_link(o);
    while (size > 0) {
        const bool bytewise = (mode & BYTEWISE) != 0;
        size_t taken = size;
        if ((mode & FRAMED) != 0)
            taken = feed_frame(o->link, data, size, bytewise);
        else
            feed(o->link, data, size, bytewise);
        data += taken;
        size -= taken;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct link_options options = {.name = "fuzz",
                                                .hosts = "127.0.0.1",
                                                .port = 1,
                                                .user = "u",
                                                .password = "p",
                                                .vhost = "/",
                                                .ca_file = ""};
    static const struct link_handler handler = {.on_ready = on_ready,
                                                .on_lost = on_lost,
                                                .on_confirm = on_confirm,
                                                .on_delivery = on_delivery,
                                                .on_cancelled = on_cancelled};
    static struct loop *loop;
    struct owner o = {0};
    if (size == 0)
        return 0;
    if (loop == NULL) {
        log_open("fuzz", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
        loop = loop_create();
    }
    o.active = (data[0] & ACTIVE) != 0;
    o.link = link_create(loop, &options, &handler, &o);
    CHECK(loop != NULL && o.link != NULL);
    run(&o, data[0], data + 1, size - 1);
    link_destroy(o.link);
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    return 0;
}
