/* SPDX-License-Identifier: Apache-2.0 */
/* The link over real sockets: names, addresses, failover, reconnection. The broker is a listener in
 * the same loop that knows the handshake and nothing else. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "common/amqp/link.h"
#include "common/amqp/wire.h"
#include "common/net/loop.h"
#include "tests/unit/unit.h"

#define DEADLINE_S 20

struct broker {
    struct loop *loop;
    struct evconnlistener *listener;
    struct bufferevent *peer; /* the last connection; freed at its end */
    struct event *deadline;
    struct wire wire;
    int port;
    bool started; /* the 8 bytes of the client's start came */
    unsigned accepted, goodbyes;

    struct link *link;
    unsigned ready, lost, confirmed;
    char reason[256];
    char hosts[128];
};

static void reply(struct broker *b, uint32_t method, void *fields)
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
        reply(b, AMQP_CONNECTION_TUNE_METHOD, &tune);
    else if (f->method == AMQP_CONNECTION_OPEN_METHOD)
        reply(b, AMQP_CONNECTION_OPEN_OK_METHOD, &open);
    else if (f->method == AMQP_CHANNEL_OPEN_METHOD)
        reply(b, AMQP_CHANNEL_OPEN_OK_METHOD, &channel);
    else if (f->method == AMQP_CONFIRM_SELECT_METHOD)
        reply(b, AMQP_CONFIRM_SELECT_OK_METHOD, &selected);
    else if (f->method == AMQP_CONNECTION_CLOSE_METHOD)
        reply(b, AMQP_CONNECTION_CLOSE_OK_METHOD, &closed);
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
        reply(b, AMQP_CONNECTION_START_METHOD, &start);
    }
    while (b->started && wire_read(&b->wire, in, &f) == WIRE_FRAME) {
        answer(b, &f);
        wire_drop(&b->wire, in, &f);
    }
}

static void on_end(struct bufferevent *bev, short events, void *arg)
{
    struct broker *b = arg;
    (void)events;
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
    b->peer = bufferevent_socket_new(loop_base(b->loop), fd, BEV_OPT_CLOSE_ON_FREE);
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

static void listen_at(struct broker *b, int port)
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

/* The last of the hosts gets the port of the broker. */
static void setup(struct broker *b, const char *hosts)
{
    static struct link_options options;
    static const struct link_handler handler = {
        .on_ready = on_ready, .on_lost = on_lost, .on_closed = on_closed};
    *b = (struct broker){.loop = loop_create()};
    wire_init(&b->wire);
    b->wire.frame_max = 131072;
    b->deadline = event_new(loop_base(b->loop), -1, 0, on_deadline, b);
    listen_at(b, 0);
    snprintf(b->hosts, sizeof b->hosts, "%s:%d", hosts, b->port);
    options = (struct link_options){.name = "test",
                                    .hosts = b->hosts,
                                    .port = 5672,
                                    .user = "user",
                                    .password = "secret",
                                    .vhost = "/",
                                    .ca_file = "",
                                    .heartbeat_s = 10};
    event_add(b->deadline, &(struct timeval){DEADLINE_S, 0});
    b->link = link_create(b->loop, &options, &handler, b);
    assert_non_null(b->link);
}

static void finish(struct broker *b)
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

static void connects_to(const char *hosts)
{
    struct broker b;
    setup(&b, hosts);
    loop_run(b.loop);
    assert_int_equal(b.ready, 1);
    assert_true(link_is_ready(b.link));
    link_close(b.link);
    loop_run(b.loop);
    assert_null(b.link);
    assert_int_equal(b.goodbyes, 1);
    finish(&b);
}

static void connects_by_address(void **state)
{
    (void)state;
    connects_to("127.0.0.1");
}

static void connects_by_name(void **state)
{
    (void)state;
    connects_to("localhost");
}

static void a_host_that_refuses_is_passed_over(void **state)
{
    (void)state;
    /* Port 1 is nobody's; whatever the start in the list, the last one is found. */
    connects_to("127.0.0.1:1,localhost:1,[::1]:1,127.0.0.1");
}

static void comes_back_when_the_connection_breaks(void **state)
{
    struct broker b;
    (void)state;
    setup(&b, "127.0.0.1");
    loop_run(b.loop);
    bufferevent_free(b.peer);
    b.peer = NULL;
    loop_run(b.loop);
    assert_int_equal(b.lost, 1);
    assert_non_null(strstr(b.reason, "while ready"));
    assert_int_equal(b.ready, 2);
    assert_int_equal(b.accepted, 2);
    finish(&b);
}

static void comes_back_when_the_broker_does(void **state)
{
    struct broker b;
    (void)state;
    setup(&b, "127.0.0.1");
    loop_run(b.loop);
    evconnlistener_free(b.listener);
    bufferevent_free(b.peer);
    b.peer = NULL;
    while (b.lost == 0)
        event_base_loop(loop_base(b.loop), EVLOOP_ONCE);
    listen_at(&b, b.port);
    loop_run(b.loop);
    assert_int_equal(b.ready, 2);
    finish(&b);
}

static void a_forced_close_is_answered(void **state)
{
    amqp_connection_close_t bye = {.reply_code = 320, .reply_text = wire_text("CONNECTION_FORCED")};
    struct broker b;
    (void)state;
    setup(&b, "127.0.0.1");
    loop_run(b.loop);
    reply(&b, AMQP_CONNECTION_CLOSE_METHOD, &bye);
    loop_run(b.loop);
    assert_string_equal(b.reason, "the broker closed the connection: 320 CONNECTION_FORCED");
    assert_int_equal(b.goodbyes, 1);
    assert_int_equal(b.ready, 2);
    finish(&b);
}

static void may_be_destroyed_at_any_moment(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "nosuch.invalid"};
    struct broker b;
    (void)state;
    /* After n turns of the loop: resolving, connecting, greeting … */
    for (int turns = 0; turns < 12; turns++) {
        setup(&b, hosts[turns % 3]);
        for (int i = 0; i < turns; i++)
            event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
        link_destroy(b.link);
        b.link = NULL;
        event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
        finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_by_address),
        cmocka_unit_test(connects_by_name),
        cmocka_unit_test(a_host_that_refuses_is_passed_over),
        cmocka_unit_test(comes_back_when_the_connection_breaks),
        cmocka_unit_test(comes_back_when_the_broker_does),
        cmocka_unit_test(a_forced_close_is_answered),
        cmocka_unit_test(may_be_destroyed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
