/* SPDX-License-Identifier: Apache-2.0 */
/* The link over real sockets: names, addresses, failover, reconnection. */
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "common/amqp/link.h"
#include "common/net/loop.h"
#include "tests/unit/socket_broker.h"
#include "tests/unit/unit.h"

static void connects_to(const char *hosts)
{
    struct broker b;
    broker_init(&b, hosts, NULL, "");
    loop_run(b.loop);
    assert_int_equal(b.ready, 1);
    assert_true(link_is_ready(b.link));
    link_close(b.link);
    loop_run(b.loop);
    assert_null(b.link);
    assert_int_equal(b.goodbyes, 1);
    broker_finish(&b);
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
    broker_init(&b, "127.0.0.1", NULL, "");
    loop_run(b.loop);
    bufferevent_free(b.peer);
    b.peer = NULL;
    loop_run(b.loop);
    assert_int_equal(b.lost, 1);
    assert_non_null(strstr(b.reason, "while ready"));
    assert_int_equal(b.ready, 2);
    assert_int_equal(b.accepted, 2);
    broker_finish(&b);
}

static void comes_back_when_the_broker_does(void **state)
{
    struct broker b;
    (void)state;
    broker_init(&b, "127.0.0.1", NULL, "");
    loop_run(b.loop);
    evconnlistener_free(b.listener);
    bufferevent_free(b.peer);
    b.peer = NULL;
    while (b.lost == 0)
        event_base_loop(loop_base(b.loop), EVLOOP_ONCE);
    broker_listen(&b, b.port);
    loop_run(b.loop);
    assert_int_equal(b.ready, 2);
    broker_finish(&b);
}

static void a_forced_close_is_answered(void **state)
{
    amqp_connection_close_t bye = {.reply_code = 320, .reply_text = wire_text("CONNECTION_FORCED")};
    struct broker b;
    (void)state;
    broker_init(&b, "127.0.0.1", NULL, "");
    loop_run(b.loop);
    broker_reply(&b, AMQP_CONNECTION_CLOSE_METHOD, &bye);
    loop_run(b.loop);
    assert_string_equal(b.reason, "the broker closed the connection: 320 CONNECTION_FORCED");
    assert_int_equal(b.goodbyes, 1);
    assert_int_equal(b.ready, 2);
    broker_finish(&b);
}

static void may_be_destroyed_at_any_moment(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "nosuch.invalid"};
    struct broker b;
    (void)state;
    /* After n turns of the loop: resolving, connecting, greeting … */
    for (int turns = 0; turns < 12; turns++) {
        broker_init(&b, hosts[turns % 3], NULL, "");
        for (int i = 0; i < turns; i++)
            event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
        link_destroy(b.link);
        b.link = NULL;
        event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
        broker_finish(&b);
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
