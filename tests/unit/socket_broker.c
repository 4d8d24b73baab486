/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/socket_broker.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "common/amqp/link.h"
#include "common/net/loop.h"
#include "tests/unit/unit.h"

#define DEADLINE_S 20

void broker_reply(struct broker *b, uint32_t method, void *fields)
{
    assert_true(wire_add_method(bufferevent_get_output(b->peer), method, fields, 1024));
}

static void answer(struct broker *b, const struct wire_frame *f)
{
    amqp_connection_tune_t tune = {.channel_max = 10, .frame_max = 4096, .heartbeat = 60};
    amqp_connection_open_ok_t open = {0};
    amqp_channel_open_ok_t channel = {0};
    amqp_confirm_select_ok_t selected = {0};
    amqp_connection_close_ok_t closed = {0};
    if (f->kind != AMQP_FRAME_METHOD)
        return;
    if (f->method == AMQP_CONNECTION_START_OK_METHOD)
        broker_reply(b, AMQP_CONNECTION_TUNE_METHOD, &tune);
    else if (f->method == AMQP_CONNECTION_OPEN_METHOD)
        broker_reply(b, AMQP_CONNECTION_OPEN_OK_METHOD, &open);
    else if (f->method == AMQP_CHANNEL_OPEN_METHOD)
        broker_reply(b, AMQP_CHANNEL_OPEN_OK_METHOD, &channel);
    else if (f->method == AMQP_CONFIRM_SELECT_METHOD)
        broker_reply(b, AMQP_CONFIRM_SELECT_OK_METHOD, &selected);
    else if (f->method == AMQP_CONNECTION_CLOSE_METHOD)
        broker_reply(b, AMQP_CONNECTION_CLOSE_OK_METHOD, &closed);
    b->goodbyes +=
        f->method == AMQP_CONNECTION_CLOSE_METHOD || f->method == AMQP_CONNECTION_CLOSE_OK_METHOD;
}

static void on_bytes(struct bufferevent *bev, void *arg)
{
    struct broker *b = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    amqp_connection_start_t start = {.version_minor = 9, .mechanisms = wire_text("PLAIN")};
    struct wire_frame f;
    if (!b->started && evbuffer_get_length(in) >= 8) {
        evbuffer_drain(in, 8);
        b->started = true;
        broker_reply(b, AMQP_CONNECTION_START_METHOD, &start);
    }
    while (b->started && wire_read(&b->wire, in, &f) == WIRE_FRAME) {
        answer(b, &f);
        wire_drop(&b->wire, in, &f);
    }
}

static void on_end(struct bufferevent *bev, short events, void *arg)
{
    struct broker *b = arg;
    if ((events & BEV_EVENT_CONNECTED) != 0)
        return;
    bufferevent_free(bev);
    if (b->peer == bev)
        b->peer = NULL;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int size, void *arg)
{
    struct broker *b = arg;
    (void)listener;
    (void)from;
    (void)size;
    b->accepted++;
    b->started = false;
    if (b->peer != NULL)
        bufferevent_free(b->peer);
    b->peer = b->tls != NULL
                  ? bufferevent_openssl_socket_new(loop_base(b->loop), fd, SSL_new(b->tls),
                                                   BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                  : bufferevent_socket_new(loop_base(b->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(b->peer, on_bytes, NULL, on_end, b);
    bufferevent_enable(b->peer, EV_READ | EV_WRITE);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct broker *b = arg;
    assert_int_equal(generation, ++b->ready);
    loop_stop(b->loop);
}

static void on_lost(void *arg, const char *reason)
{
    struct broker *b = arg;
    b->lost++;
    snprintf(b->reason, sizeof b->reason, "%s", reason);
}

static void on_closed(void *arg)
{
    struct broker *b = arg;
    b->link = NULL;
    loop_stop(b->loop);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
    const struct broker *b = arg;
    (void)fd;
    (void)events;
    fail_msg("nothing happened in time: %s", b->link != NULL ? link_reason(b->link) : "no link");
}

void broker_listen(struct broker *b, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    b->listener = evconnlistener_new_bind(loop_base(b->loop), on_accept, b,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 8,
                                          (struct sockaddr *)&at, sizeof at);
    assert_non_null(b->listener);
    getsockname(evconnlistener_get_fd(b->listener), (struct sockaddr *)&at, &size);
    b->port = ntohs(at.sin_port);
}

void broker_init(struct broker *b, const char *hosts, SSL_CTX *tls, const char *ca_file)
{
    static struct link_options options;
    static const struct link_handler handler = {
        .on_ready = on_ready, .on_lost = on_lost, .on_closed = on_closed};
    *b = (struct broker){.loop = loop_create(), .tls = tls};
    wire_init(&b->wire);
    b->wire.frame_max = 131072;
    b->deadline = event_new(loop_base(b->loop), -1, 0, on_deadline, b);
    broker_listen(b, 0);
    snprintf(b->hosts, sizeof b->hosts, "%s:%d", hosts, b->port);
    options = (struct link_options){.name = "test",
                                    .hosts = b->hosts,
                                    .port = 5672,
                                    .user = "user",
                                    .password = "secret",
                                    .vhost = "/",
                                    .ca_file = ca_file,
                                    .tls = tls != NULL,
                                    .heartbeat_s = 10};
    event_add(b->deadline, &(struct timeval){DEADLINE_S, 0});
    b->link = link_create(b->loop, &options, &handler, b);
    assert_non_null(b->link);
}

void broker_finish(struct broker *b)
{
    link_destroy(b->link);
    if (b->peer != NULL)
        bufferevent_free(b->peer);
    if (b->listener != NULL)
        evconnlistener_free(b->listener);
    event_free(b->deadline);
    wire_finish(&b->wire);
    loop_destroy(b->loop);
}
