/* SPDX-License-Identifier: Apache-2.0 */
/* The states of the link: handshake, losses, closing. Without sockets. */
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/amqp/calls.h"
#include "common/amqp/feed.h"
#include "common/amqp/link_private.h"
#include "common/core/clock.h"
#include "tests/unit/fake_broker.h"
#include "tests/unit/unit.h"

static void every_state_can_be_reached_and_left(void **state)
{
    unsigned reached = LINK_MAY(WAITING); /* the first */
    (void)state;
    for (unsigned s = 0; s < LINK_STATE_COUNT; s++) {
        const unsigned next = link_state_next((enum link_state)s);
        reached |= next;
        printf("%s ->", link_state_name((enum link_state)s));
        for (unsigned n = 0; n < LINK_STATE_COUNT; n++) {
            if ((next & 1U << n) != 0)
                printf(" %s", link_state_name((enum link_state)n));
        }
        printf("\n");
        assert_true(next != 0 || s == LINK_CLOSED);
        assert_true(s == LINK_CLOSED || (next & LINK_MAY(CLOSED)) != 0);
    }
    assert_int_equal(reached, (1U << LINK_STATE_COUNT) - 1);
}

static void shakes_hands_byte_by_byte(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    f.chunk = 1;
    fake_attach(&f);
    assert_string_equal(fake_said(&f), "START ");
    amqp_connection_start_t start = {.version_minor = 9, .mechanisms = wire_text("PLAIN")};
    amqp_connection_tune_t tune = {.channel_max = 0, .frame_max = 4096, .heartbeat = 4};
    amqp_connection_open_ok_t open = {0};
    amqp_channel_open_ok_t channel = {0};
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &start);
    assert_string_equal(fake_said(&f), "CONNECTION_START_OK ");
    fake_method(&f, AMQP_CONNECTION_TUNE_METHOD, &tune);
    assert_string_equal(fake_said(&f), "CONNECTION_TUNE_OK CONNECTION_OPEN ");
    assert_int_equal(f.link->heartbeat_ns, 4 * CLOCK_S);
    assert_int_equal(f.link->wire.frame_max, 4096);
    fake_method(&f, AMQP_CONNECTION_OPEN_OK_METHOD, &open);
    assert_string_equal(fake_said(&f), "CHANNEL_OPEN ");
    assert_string_equal(fake_events(&f), "");
    fake_method(&f, AMQP_CHANNEL_OPEN_OK_METHOD, &channel);
    assert_string_equal(fake_events(&f), "ready(1) ");
    assert_string_equal(link_reason(f.link), "ready");
    fake_finish(&f);
}

static void expect_waiting(struct fake *f, const char *reason)
{
    assert_int_equal(f->link->state, LINK_WAITING);
    assert_string_equal(link_reason(f->link), reason);
    assert_string_equal(fake_events(f), "");
    assert_true(event_pending(f->link->timer, EV_TIMEOUT, NULL));
}

static void handshake_faults_are_named(void **state)
{
    amqp_connection_start_t external = {.version_minor = 9, .mechanisms = wire_text("EXTERNAL")};
    amqp_connection_start_t plain = {.version_minor = 9, .mechanisms = wire_text("PLAIN")};
    amqp_connection_tune_t small = {.frame_max = 4095};
    amqp_connection_tune_t tune = {.frame_max = 131072};
    amqp_connection_secure_t secure = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_attach(&f);
    fake_bytes(&f, "AMQP\0\1\0\0", 8);
    expect_waiting(&f, "protocol error: the broker speaks another version of AMQP");
    fake_attach(&f);
    fake_bytes(&f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    expect_waiting(&f, "protocol error: what came is not AMQP");
    fake_attach(&f);
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &external);
    expect_waiting(&f, "the broker does not offer the login mechanism PLAIN");
    fake_attach(&f);
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &plain);
    fake_close(&f, 403, "ACCESS_REFUSED - Login was refused");
    assert_string_equal(fake_said(&f), "START CONNECTION_START_OK CONNECTION_CLOSE_OK ");
    expect_waiting(&f,
                   "the broker refused the login of user 'user': 403 ACCESS_REFUSED - Login was "
                   "refused");
    fake_attach(&f);
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &plain);
    fake_method(&f, AMQP_CONNECTION_SECURE_METHOD, &secure);
    expect_waiting(&f, "protocol error: AMQP_CONNECTION_SECURE_METHOD while tuning");
    fake_attach(&f);
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &plain);
    fake_method(&f, AMQP_CONNECTION_TUNE_METHOD, &small);
    expect_waiting(&f, "the broker wants frames smaller than AMQP allows");
    fake_attach(&f);
    fake_method(&f, AMQP_CONNECTION_START_METHOD, &plain);
    fake_method(&f, AMQP_CONNECTION_TUNE_METHOD, &tune);
    fake_close(&f, 530, "NOT_ALLOWED - vhost nope not found");
    expect_waiting(&f, "the broker refused the virtual host '/': 530 NOT_ALLOWED - vhost nope not "
                       "found");
    fake_finish(&f);
}

static void a_silent_broker_runs_into_the_deadline(void **state)
{
    struct timeval when, now;
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_attach(&f);
    assert_true(event_pending(f.link->timer, EV_TIMEOUT, &when));
    gettimeofday(&now, NULL);
    assert_int_in_range(when.tv_sec - now.tv_sec, 8, 11);
    fake_timer(&f);
    expect_waiting(&f, "no answer from 127.0.0.1 within 10 s while greeting");
    fake_finish(&f);
}

static void no_heartbeat_means_lost(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    f.link->read_ns -= 19 * CLOCK_S;
    event_active(f.link->tick, EV_TIMEOUT, 0);
    fake_turn(&f);
    assert_true(link_is_ready(f.link));
    link_pause(f.link);
    f.link->read_ns -= 2 * CLOCK_S;
    event_active(f.link->tick, EV_TIMEOUT, 0);
    fake_turn(&f);
    assert_string_equal(fake_events(&f), "");
    link_resume(f.link);
    f.link->read_ns -= 21 * CLOCK_S;
    event_active(f.link->tick, EV_TIMEOUT, 0);
    fake_turn(&f);
    assert_string_equal(fake_events(&f), "lost(no heartbeat from broker for 20 s) ");
    fake_finish(&f);
}

static void a_quiet_link_sends_heartbeats(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    event_active(f.link->tick, EV_TIMEOUT, 0);
    fake_turn(&f);
    assert_string_equal(fake_said(&f), "");
    f.link->wrote_ns -= 5 * CLOCK_S;
    event_active(f.link->tick, EV_TIMEOUT, 0);
    fake_turn(&f);
    assert_string_equal(fake_said(&f), "heartbeat ");
    fake_bytes(&f, "\x08\0\0\0\0\0\0\xce", 8);
    assert_true(link_is_ready(f.link));
    fake_finish(&f);
}

static void a_closed_connection_is_told_in_the_brokers_words(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_close(&f, 320, "CONNECTION_FORCED - node is going down");
    assert_string_equal(fake_events(&f), "lost(the broker closed the connection: 320 "
                                         "CONNECTION_FORCED - node is going down) ");
    assert_string_equal(fake_said(&f), "CONNECTION_CLOSE_OK ");
    fake_open(&f);
    assert_int_equal(link_generation(f.link), 2);
    fake_finish(&f);
}

static void an_owner_may_give_the_connection_up(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_give_up(f.link, "no memory");
    assert_false(link_is_ready(f.link));
    assert_string_equal(fake_events(&f), "");
    fake_turn(&f);
    assert_string_equal(fake_events(&f), "lost(no memory) ");
    assert_string_equal(fake_said(&f), "CONNECTION_CLOSE ");
    fake_open(&f);
    assert_int_equal(link_generation(f.link), 2);
    fake_finish(&f);
}

static void a_closed_channel_is_opened_again(void **state)
{
    const struct link_queue q = {.name = "q", .quorum = true};
    amqp_channel_open_ok_t ok = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_declare_queue(f.link, &q, fake_answer, &f);
    link_declare_topic(f.link, "t", fake_answer, &f);
    fake_said(&f);
    fake_close_channel(&f, 406, "PRECONDITION_FAILED - inequivalent arg",
                       AMQP_QUEUE_DECLARE_METHOD);
    assert_string_equal(fake_events(&f),
                        "no(406 PRECONDITION_FAILED - inequivalent arg) "
                        "no(0 PRECONDITION_FAILED - inequivalent arg) "
                        "lost(the broker closed the channel: 406 PRECONDITION_FAILED - "
                        "inequivalent arg) ");
    assert_string_equal(fake_said(&f), "CHANNEL_CLOSE_OK ");
    assert_false(link_is_ready(f.link));
    fake_timer(&f);
    assert_string_equal(fake_said(&f), "CHANNEL_OPEN ");
    fake_method(&f, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
    assert_string_equal(fake_events(&f), "ready(2) ");
    fake_finish(&f);
}

static void garbage_ends_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *fault;
    } rows[] = {
        {"\x01\0\1\0\0\0\4\0\x3c\0\x50\0", 12, "frame without its end mark"},
        {"\x01\0\1\0\0\0\4\xff\xff\xff\xff\xce", 12, "method that cannot be decoded"},
        {"\x01\0\1\0\0\0\4\0\x3c\0\x50\xce", 12, "method that cannot be decoded"},
        {"\x01\0\2\0\0\0\4\0\x3c\0\x50\xce", 12, "frame on a channel that is not open"},
        {"\x01\0\1\0\2\0\0\0\x3c\0\x50\xce", 12, "frame larger than agreed"},
        {"\x01\0\1\0\0\0\3\0\x3c\0\xce", 11, "frame too short"},
        {"\x03\0\1\0\0\0\1x\xce", 9, "message out of order, too large, or without memory for it"},
        {"\x03\0\0\0\0\0\1x\xce", 9, "message on channel 0"},
    };
    struct fake f;
    (void)state;
    fake_init(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256];
        fake_open(&f);
        fake_bytes(&f, rows[i].bytes, rows[i].size);
        snprintf(expected, sizeof expected, "lost(protocol error: %s) ", rows[i].fault);
        assert_string_equal(fake_events(&f), expected);
    }
    fake_finish(&f);
}

static void pending_calls_hear_of_a_loss(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_declare_topic(f.link, "t", fake_answer, &f);
    fake_bytes(&f, "nonsense", 8);
    assert_string_equal(fake_events(&f), "no(0 protocol error: what came is not AMQP) "
                                         "lost(protocol error: what came is not AMQP) ");
    fake_finish(&f);
}

static void calls_have_a_deadline(void **state)
{
    const int64_t now_ns = clock_now_ns();
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    assert_false(calls_overdue(f.link, now_ns + 31 * CLOCK_S));
    link_declare_topic(f.link, "t", NULL, NULL);
    assert_false(calls_overdue(f.link, now_ns + 29 * CLOCK_S));
    assert_true(calls_overdue(f.link, now_ns + 31 * CLOCK_S));
    fake_finish(&f);
}

static void blocked_is_told_and_told_again(void **state)
{
    amqp_connection_blocked_t low = {.reason = wire_text("low on memory")};
    amqp_connection_unblocked_t none = {0};
    amqp_channel_open_ok_t ok = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    fake_method(&f, AMQP_CONNECTION_BLOCKED_METHOD, &low);
    assert_string_equal(fake_events(&f), "blocked(low on memory) ");
    assert_true(link_is_blocked(f.link));
    fake_close_channel(&f, 404, "NOT_FOUND", 0);
    fake_timer(&f);
    fake_events(&f);
    fake_method(&f, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
    assert_string_equal(fake_events(&f), "ready(2) blocked(the connection is still blocked) ");
    fake_method(&f, AMQP_CONNECTION_UNBLOCKED_METHOD, &none);
    assert_string_equal(fake_events(&f), "unblocked ");
    assert_false(link_is_blocked(f.link));
    fake_finish(&f);
}

static void closing_says_goodbye(void **state)
{
    amqp_connection_close_ok_t ok = {0};
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_declare_topic(f.link, "t", fake_answer, &f);
    fake_said(&f);
    link_close(f.link);
    assert_string_equal(fake_said(&f), "CONNECTION_CLOSE ");
    assert_string_equal(fake_events(&f), "");
    fake_method(&f, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
    assert_string_equal(fake_events(&f), "closed ");
    fake_finish(&f);
}

static void closing_ends_without_an_answer(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_open(&f);
    link_close(f.link);
    fake_timer(&f);
    assert_string_equal(fake_events(&f), "closed ");
    fake_finish(&f);
    fake_init(&f);
    link_close(f.link);
    fake_turn(&f);
    assert_string_equal(fake_events(&f), "closed ");
    fake_finish(&f);
}

static void destroy_at(struct fake *f, const char *event)
{
    if (f->destroyed || strncmp(event, "ready", 5) == 0)
        return;
    f->destroyed = true;
    link_destroy(f->link);
}

static void callbacks_may_destroy_the_link(void **state)
{
    amqp_connection_blocked_t low = {.reason = wire_text("low")};
    struct fake f;
    (void)state;
    for (int i = 0; i < 4; i++) {
        fake_init(&f);
        fake_open(&f);
        f.on_event = destroy_at;
        link_declare_topic(f.link, "t", fake_answer, &f);
        if (i == 0)
            fake_bytes(&f, "nonsense", 8);
        else if (i == 1)
            fake_method(&f, AMQP_CONNECTION_BLOCKED_METHOD, &low);
        else if (i == 2)
            fake_close_channel(&f, 404, "NOT_FOUND", AMQP_EXCHANGE_DECLARE_METHOD);
        else
            fake_close(&f, 320, "CONNECTION_FORCED");
        assert_true(f.destroyed);
        fake_finish(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_can_be_reached_and_left),
        cmocka_unit_test(shakes_hands_byte_by_byte),
        cmocka_unit_test(handshake_faults_are_named),
        cmocka_unit_test(a_silent_broker_runs_into_the_deadline),
        cmocka_unit_test(no_heartbeat_means_lost),
        cmocka_unit_test(a_quiet_link_sends_heartbeats),
        cmocka_unit_test(a_closed_connection_is_told_in_the_brokers_words),
        cmocka_unit_test(an_owner_may_give_the_connection_up),
        cmocka_unit_test(a_closed_channel_is_opened_again),
        cmocka_unit_test(garbage_ends_the_connection),
        cmocka_unit_test(pending_calls_hear_of_a_loss),
        cmocka_unit_test(calls_have_a_deadline),
        cmocka_unit_test(blocked_is_told_and_told_again),
        cmocka_unit_test(closing_says_goodbye),
        cmocka_unit_test(closing_ends_without_an_answer),
        cmocka_unit_test(callbacks_may_destroy_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
