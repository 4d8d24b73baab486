/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over an open link: publishes and their confirms, deliveries and their acks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/amqp/link_private.h"
#include "common/amqp/message.h"
#include "tests/unit/fake_broker.h"
#include "tests/unit/unit.h"

static uint64_t publish(struct fake *f, const char *id)
{
    const struct link_message m = {.exchange = "",
                                   .routing_key = "q",
                                   .mandatory = true,
                                   .type = MESSAGE_TYPE,
                                   .message_id = id,
                                   .body = SLICE("hello")};
    return link_publish(f->link, &m);
}

static void setup(struct fake *f, unsigned messages)
{
    fake_init(f);
    fake_confirm(f);
    for (unsigned i = 1; i <= messages; i++) {
        char id[16];
        snprintf(id, sizeof id, "id%u", i);
        assert_int_equal(publish(f, id), i);
    }
    fake_said(f);
}

static void a_message_is_method_header_and_bodies(void **state)
{
    static const struct {
        size_t size;
        const char *said;
    } rows[] = {
        {0, "BASIC_PUBLISH header "},
        {1, "BASIC_PUBLISH header body(1) "},
        {131064, "BASIC_PUBLISH header body(131064) "},
        {131065, "BASIC_PUBLISH header body(131064) body(1) "},
        {400000, "BASIC_PUBLISH header body(131064) body(131064) body(131064) body(6808) "},
    };
    struct fake f;
    char *body = calloc(1, 400000);
    (void)state;
    fake_init(&f);
    fake_confirm(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct link_message m = {
            .exchange = "", .routing_key = "q", .body = {body, rows[i].size}};
        assert_int_equal(link_publish(f.link, &m), i + 1);
        assert_string_equal(fake_said(&f), rows[i].said);
        assert_int_equal(link_unsent(f.link), 0);
    }
    free(body);
    fake_finish(&f);
}

static void names_too_long_are_not_sent(void **state)
{
    char key[257] = {0};
    struct link_message m = {.exchange = "", .routing_key = key};
    struct fake f;
    (void)state;
    memset(key, 'k', 256);
    fake_init(&f);
    fake_confirm(&f);
    assert_int_equal(link_publish(f.link, &m), 0);
    assert_string_equal(fake_said(&f), "");
    key[255] = '\0';
    assert_int_equal(link_publish(f.link, &m), 1);
    assert_string_equal(fake_said(&f), "BASIC_PUBLISH header ");
    fake_finish(&f);
}

static void nothing_is_sent_while_not_ready(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 0);
    fake_bytes(&f, "nonsense", 8);
    assert_int_equal(publish(&f, "a"), 0);
    link_ack(f.link, 1, 1, false);
    link_pause(f.link);
    link_resume(f.link);
    assert_int_equal(link_unsent(f.link), 0);
    fake_finish(&f);
}

static void acks_of_many_are_unrolled_in_order(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 200);
    fake_ack(&f, 3, true);
    assert_string_equal(fake_events(&f), "acked(1) acked(2) acked(3) ");
    fake_ack(&f, 6, false);
    assert_string_equal(fake_events(&f), "acked(6) ");
    fake_nack(&f, 7, true);
    assert_string_equal(fake_events(&f), "nacked(4) nacked(5) nacked(7) ");
    fake_ack(&f, 198, true);
    fake_events(&f);
    fake_nack(&f, 200, false);
    assert_string_equal(fake_events(&f), "nacked(200) ");
    fake_ack(&f, 0, true);
    assert_string_equal(fake_events(&f), "acked(199) ");
    fake_ack(&f, 0, true);
    assert_string_equal(fake_events(&f), "");
    assert_int_equal(publish(&f, "a"), 201);
    fake_finish(&f);
}

static void unknown_confirms_end_the_connection(void **state)
{
    static const struct {
        uint64_t tag;
        bool multiple;
    } rows[] = {{2, false}, {6, false}, {6, true}, {1, true}, {0, false}, {UINT64_MAX, true}};
    struct fake f;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setup(&f, 5);
        fake_ack(&f, 2, true);
        fake_events(&f);
        fake_ack(&f, rows[i].tag, rows[i].multiple);
        assert_string_equal(fake_events(&f),
                            "lost(protocol error: confirm of a message that is not outstanding) ");
        fake_finish(&f);
    }
}

static void returned(struct fake *f, const char *id)
{
    amqp_basic_return_t m = {.reply_code = 312, .reply_text = wire_text("NO_ROUTE")};
    const struct link_message content = {.exchange = "",
                                         .routing_key = "q",
                                         .type = MESSAGE_TYPE,
                                         .message_id = id,
                                         .body = SLICE("hello")};
    fake_method(f, AMQP_BASIC_RETURN_METHOD, &m);
    fake_content(f, &content, 2);
}

static void a_return_before_the_ack_is_no_success(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 3);
    returned(&f, "id2");
    assert_string_equal(fake_events(&f), "");
    fake_ack(&f, 3, true);
    assert_string_equal(fake_events(&f), "acked(1) returned(2) acked(3) ");
    publish(&f, "x");
    returned(&f, "x");
    fake_nack(&f, 4, false);
    assert_string_equal(fake_events(&f), "nacked(4) ");
    returned(&f, "x");
    assert_string_equal(fake_events(&f),
                        "lost(protocol error: return of a message that is not outstanding) ");
    fake_finish(&f);
}

static void publish_again(struct fake *f, const char *event)
{
    if (strncmp(event, "acked", 5) == 0 && f->link->confirms.next < 300)
        publish(f, "again");
}

static void callbacks_may_publish(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 60);
    f.on_event = publish_again;
    fake_ack(&f, 60, true);
    assert_int_equal(f.link->confirms.first, 61);
    assert_int_equal(f.link->confirms.next, 121);
    fake_finish(&f);
}

static void close_at_once(struct fake *f, const char *event)
{
    if (strcmp(event, "closed") != 0)
        link_close(f->link);
}

static void callbacks_may_close(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 5);
    f.on_event = close_at_once;
    fake_ack(&f, 5, true);
    assert_string_equal(fake_events(&f), "acked(1) ");
    assert_string_equal(fake_said(&f), "CONNECTION_CLOSE ");
    fake_bytes(&f, "nonsense", 8);
    assert_string_equal(fake_events(&f), "closed ");
    fake_finish(&f);
}

static void deliveries_are_put_together(void **state)
{
    const struct link_message text = {.exchange = "",
                                      .routing_key = "key",
                                      .content_type = "application/json",
                                      .body = SLICE("0123456789")};
    const struct link_message events = {.exchange = "",
                                        .routing_key = "key",
                                        .content_type = MESSAGE_CONTENT_TYPE,
                                        .type = MESSAGE_TYPE,
                                        .message_id = "id",
                                        .reply_to = "who",
                                        .correlation_id = "17",
                                        .header = {MESSAGE_VERSION_HEADER, MESSAGE_VERSION},
                                        .body = SLICE("0123456789")};
    const struct link_message empty = {.exchange = "", .routing_key = ""};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    for (f.chunk = 0; f.chunk < 4; f.chunk++) {
        fake_deliver(&f, 1, &text, 10);
        assert_string_equal(fake_events(&f),
                            "delivery(1/1 c key application/json   v0 10:0123456789) ");
        fake_deliver(&f, 2, &events, 3);
        assert_string_equal(fake_events(&f), "delivery(1/2 c key application/x-ndjson "
                                             "holdfast.events id to who of 17 v1 "
                                             "10:0123456789) ");
        fake_deliver(&f, 3, &empty, 10);
        assert_string_equal(fake_events(&f), "delivery(1/3 c     v0 0:) ");
    }
    fake_finish(&f);
}

static void a_large_delivery_arrives_whole(void **state)
{
    const size_t size = (size_t)3 << 20;
    char *body = malloc(size);
    struct fake f;
    (void)state;
    memset(body, 'b', size);
    fake_init(&f);
    fake_open(&f);
    const struct link_message m = {.exchange = "", .routing_key = "k", .body = {body, size}};
    fake_deliver(&f, 1, &m, 60000);
    assert_string_equal(fake_events(&f), "delivery(1/1 c k    v0 3145728:bbbbbbbbbbbbbbbbbbbb) ");
    assert_null(f.link->content.body.data);
    free(body);
    fake_finish(&f);
}

static void contents_out_of_order_end_the_connection(void **state)
{
    static const char *const lost =
        "lost(protocol error: message out of order, too large, or without memory for it) ";
    amqp_basic_deliver_t d = {.consumer_tag = wire_text("c"), .delivery_tag = 1};
    const struct link_message m = {.exchange = "", .routing_key = "", .body = SLICE("ab")};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_content(&f, &m, 10);
    assert_string_equal(fake_events(&f), lost);
    fake_open(&f);
    fake_method(&f, AMQP_BASIC_DELIVER_METHOD, &d);
    fake_bytes(&f, "\x03\0\1\0\0\0\1x\xce", 9);
    assert_string_equal(fake_events(&f), lost);
    fake_open(&f);
    fake_method(&f, AMQP_BASIC_DELIVER_METHOD, &d);
    fake_bytes(&f, "\x02\0\1\0\0\0\x0e\0\x3c\0\0\0\0\0\0\x10\0\0\1\0\0\xce", 22);
    assert_string_equal(fake_events(&f), lost);
    fake_open(&f);
    fake_method(&f, AMQP_BASIC_DELIVER_METHOD, &d);
    fake_method(&f, AMQP_BASIC_DELIVER_METHOD, &d);
    assert_string_equal(fake_events(&f),
                        "lost(protocol error: message interrupted by another method) ");
    fake_finish(&f);
}

static void acks_of_another_generation_are_not_sent(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_bytes(&f, "nonsense", 8);
    fake_open(&f);
    link_ack(f.link, 1, 1, false);
    link_requeue(f.link, 1, 1);
    assert_string_equal(fake_said(&f), "");
    link_ack(f.link, 2, 1, false);
    link_requeue(f.link, 2, 2);
    assert_string_equal(fake_said(&f), "BASIC_ACK BASIC_NACK ");
    fake_finish(&f);
}

static void consuming_and_cancelling(void **state)
{
    amqp_basic_qos_ok_t qos = {0};
    amqp_basic_consume_ok_t consume = {.consumer_tag = wire_text("c")};
    amqp_basic_cancel_t cancel = {.consumer_tag = wire_text("c"), .nowait = true};
    amqp_basic_cancel_ok_t cancelled = {.consumer_tag = wire_text("c")};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_consume(f.link, "q", "c", 100, fake_answer, &f);
    assert_string_equal(fake_said(&f), "BASIC_QOS BASIC_CONSUME ");
    fake_method(&f, AMQP_BASIC_QOS_OK_METHOD, &qos);
    fake_method(&f, AMQP_BASIC_CONSUME_OK_METHOD, &consume);
    assert_string_equal(fake_events(&f), "ok(0) ");
    fake_method(&f, AMQP_BASIC_CANCEL_METHOD, &cancel);
    assert_string_equal(fake_events(&f), "cancelled(c) ");
    assert_string_equal(fake_said(&f), "");
    cancel.nowait = false;
    fake_method(&f, AMQP_BASIC_CANCEL_METHOD, &cancel);
    assert_string_equal(fake_said(&f), "BASIC_CANCEL_OK ");
    fake_events(&f);
    link_cancel(f.link, "c", fake_answer, &f);
    fake_method(&f, AMQP_BASIC_CANCEL_OK_METHOD, &cancelled);
    assert_string_equal(fake_events(&f), "ok(0) ");
    fake_method(&f, AMQP_BASIC_CANCEL_OK_METHOD, &cancelled);
    assert_string_equal(fake_events(&f), "lost(protocol error: answer without a request) ");
    fake_finish(&f);
}

static void pause_at_first(struct fake *f, const char *event)
{
    (void)event;
    link_pause(f->link);
}

static void a_paused_link_gives_no_more_deliveries(void **state)
{
    struct fake f;
    (void)state;
    setup(&f, 3);
    f.on_event = pause_at_first;
    fake_ack(&f, 1, false);
    fake_ack(&f, 2, false);
    fake_ack(&f, 3, false);
    assert_string_equal(fake_events(&f), "acked(1) ");
    f.on_event = NULL;
    link_resume(f.link);
    assert_string_equal(fake_events(&f), "");
    fake_turn(&f);
    assert_string_equal(fake_events(&f), "acked(2) acked(3) ");
    fake_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_method_header_and_bodies),
        cmocka_unit_test(names_too_long_are_not_sent),
        cmocka_unit_test(nothing_is_sent_while_not_ready),
        cmocka_unit_test(acks_of_many_are_unrolled_in_order),
        cmocka_unit_test(unknown_confirms_end_the_connection),
        cmocka_unit_test(a_return_before_the_ack_is_no_success),
        cmocka_unit_test(callbacks_may_publish),
        cmocka_unit_test(callbacks_may_close),
        cmocka_unit_test(deliveries_are_put_together),
        cmocka_unit_test(a_large_delivery_arrives_whole),
        cmocka_unit_test(contents_out_of_order_end_the_connection),
        cmocka_unit_test(acks_of_another_generation_are_not_sent),
        cmocka_unit_test(consuming_and_cancelling),
        cmocka_unit_test(a_paused_link_gives_no_more_deliveries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
