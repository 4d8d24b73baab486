/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/receipt.h"

#include "tests/unit/unit.h"

#define TIME_US INT64_C(1796164380123456) /* 2026-12-01T22:33:00.123456Z */

static void what_is_written_is_read(void **state)
{
    static const struct receipt_range ranges[] = {
        {12, 40}, {43, 43}, {UINT64_MAX - 1, UINT64_MAX - 1}};
    struct buffer text = {0};
    (void)state;
    receipt_write(&text, TIME_US, ranges, 3);
    assert_false(text.failed);
    struct slice rest = buffer_slice(&text);
    assert_true(
        slice_equals(rest, SLICE("2026-12-01T22:33:00.123456Z 12-40 43 18446744073709551614")));
    int64_t time_us;
    struct receipt_range r;
    assert_true(receipt_take_time(&rest, &time_us));
    assert_int_equal(time_us, TIME_US);
    for (size_t i = 0; i < 3; i++) {
        assert_true(receipt_take_range(&rest, &r));
        assert_int_equal(r.first, ranges[i].first);
        assert_int_equal(r.last, ranges[i].last);
    }
    assert_false(receipt_take_range(&rest, &r));
    buffer_finish(&text);
}

static void what_is_no_receipt_is_left_alone(void **state)
{
    static const char *const times[] = {"", " ", "x", "12-40", "2026-13-01T00:00:00Z 1"};
    static const char *const ranges[] = {"",    " ",    "0",  "-",   "1-",
                                         "-1",  "2-1",  "x",  "1x",  "1-2x",
                                         "0-3", "1--2", "+1", "1.5", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct slice text = slice_of(times[i]);
        int64_t time_us;
        assert_false(receipt_take_time(&text, &time_us));
    }
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct slice text = slice_of(ranges[i]);
        struct receipt_range r;
        assert_false(receipt_take_range(&text, &r));
    }
}

/* A stranger's address may be the name of a queue. */
static void only_direct_reply_to_is_answered(void **state)
{
    uint64_t number = 7;
    (void)state;
    assert_true(receipt_is_asked(SLICE("amq.rabbitmq.reply-to.g1h2.x=="), SLICE("12"), &number));
    assert_int_equal(number, 12);
    assert_false(receipt_is_asked(SLICE("log_queue"), SLICE("12"), &number));
    assert_false(receipt_is_asked(SLICE("amq.rabbitmq.reply-to"), SLICE("12"), &number));
    assert_false(receipt_is_asked(SLICE("amq.rabbitmq.reply-to."), SLICE("12"), &number));
    assert_false(receipt_is_asked(SLICE("amq.rabbitmq.reply-to.x"), SLICE("0"), &number));
    assert_false(receipt_is_asked(SLICE("amq.rabbitmq.reply-to.x"), SLICE("a"), &number));
    assert_false(receipt_is_asked(SLICE("amq.rabbitmq.reply-to.x"), (struct slice){0}, &number));
    assert_false(receipt_is_asked((struct slice){0}, SLICE("1"), &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_receipt_is_left_alone),
        cmocka_unit_test(only_direct_reply_to_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
