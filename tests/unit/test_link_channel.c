/* SPDX-License-Identifier: Apache-2.0 */
/* A channel the broker has closed, and what it still says on it. */
#include <string.h>

#include "tests/unit/fake_broker.h"
#include "tests/unit/unit.h"

static const struct link_message text = {
    .exchange = "", .routing_key = "key", .body = {"0123456789", 10}};

static void say_late(struct fake *f)
{
    amqp_basic_return_t returned = {.reply_code = 312, .reply_text = wire_text("NO_ROUTE")};
    amqp_basic_cancel_t cancel = {.consumer_tag = wire_text("c"), .nowait = true};
    amqp_queue_declare_ok_t declared = {.queue = wire_text("q")};
    fake_deliver(f, 7, &text, 10);
    fake_deliver(f, 8, &text, 3);
    fake_method(f, AMQP_BASIC_RETURN_METHOD, &returned);
    fake_content(f, &text, 10);
    fake_ack(f, 99, true);
    fake_nack(f, 99, false);
    fake_method(f, AMQP_BASIC_CANCEL_METHOD, &cancel);
    fake_method(f, AMQP_QUEUE_DECLARE_OK_METHOD, &declared);
    fake_content(f, &text, 4);
}

static void what_comes_behind_its_close_is_discarded(void **state)
{
    amqp_channel_open_ok_t ok = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    for (f.chunk = 0; f.chunk < 3; f.chunk++) {
        fake_confirm(&f);
        const uint64_t generation = link_generation(f.link);
        fake_close_channel(&f, 406, "late", 0);
        assert_string_equal(fake_events(&f), "lost(the broker closed the channel: 406 late) ");
        assert_string_equal(fake_said(&f), "CHANNEL_CLOSE_OK ");
        say_late(&f);
        assert_string_equal(fake_events(&f), "");
        assert_string_equal(fake_said(&f), "");
        fake_timer(&f);
        assert_string_equal(fake_said(&f), "CHANNEL_OPEN ");
        say_late(&f); /* it crossed the open */
        fake_method(&f, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
        assert_int_equal(link_generation(f.link), generation + 1);
        fake_events(&f);
        fake_deliver(&f, 1, &text, 10);
        assert_non_null(strstr(fake_events(&f), "/1 c key"));
        fake_close(&f, 320, "next");
        fake_events(&f);
        fake_said(&f);
    }
    fake_finish(&f);
}

static void a_delivery_cut_off_by_the_close_is_forgotten(void **state)
{
    amqp_basic_deliver_t d = {.consumer_tag = wire_text("c"), .delivery_tag = 1};
    amqp_channel_open_ok_t ok = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_method(&f, AMQP_BASIC_DELIVER_METHOD, &d);
    fake_close_channel(&f, 406, "late", 0);
    fake_content(&f, &text, 10); /* its rest */
    fake_timer(&f);
    fake_method(&f, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
    assert_string_equal(fake_events(&f), "lost(the broker closed the channel: 406 late) ready(2) ");
    fake_finish(&f);
}

static void a_second_close_while_opening_is_answered(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_close_channel(&f, 406, "first", 0);
    fake_timer(&f);
    fake_said(&f);
    fake_close_channel(&f, 504, "second", 0);
    assert_string_equal(fake_said(&f), "CHANNEL_CLOSE_OK ");
    fake_timer(&f);
    assert_string_equal(fake_said(&f), "CHANNEL_OPEN ");
    assert_string_equal(fake_events(&f), "lost(the broker closed the channel: 406 first) ");
    fake_finish(&f);
}

static void before_the_connection_is_open_a_channel_is_a_fault(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_attach(&f);
    fake_ack(&f, 1, false);
    assert_string_equal(link_reason(f.link), "protocol error: method on a channel not yet open");
    fake_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_behind_its_close_is_discarded),
        cmocka_unit_test(a_delivery_cut_off_by_the_close_is_forgotten),
        cmocka_unit_test(a_second_close_while_opening_is_answered),
        cmocka_unit_test(before_the_connection_is_open_a_channel_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
