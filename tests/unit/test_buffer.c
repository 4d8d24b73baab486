/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/buffer.h"

#include "tests/unit/unit.h"

static void adds_in_order_and_grows(void **state)
{
    struct buffer b = {0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        buffer_printf(&b, "%d,", i);
    assert_false(b.failed);
    assert_int_equal(b.size, 3890);
    assert_memory_equal(b.data, "0,1,2,", 6);
    assert_memory_equal(b.data + b.size - 4, "999,", 4);
    buffer_finish(&b);
    assert_null(b.data);
}

static void numbers_go_out_in_network_order(void **state)
{
    struct buffer b = {0};
    (void)state;
    buffer_add_u16(&b, 0x0102);
    buffer_add_u32(&b, 0x03040506);
    buffer_add_u64(&b, UINT64_C(0x0708090a0b0c0d0e));
    assert_int_equal(b.size, 14);
    for (unsigned i = 0; i < b.size; i++)
        assert_int_equal(b.data[i], i + 1);
    buffer_finish(&b);
}

static void numbers_are_written_in_digits(void **state)
{
    struct buffer b = {0};
    (void)state;
    buffer_add_number(&b, 0);
    buffer_add_byte(&b, ' ');
    buffer_add_number(&b, 1048576);
    buffer_add_byte(&b, ' ');
    buffer_add_number(&b, UINT64_MAX);
    buffer_add_byte(&b, 0);
    assert_string_equal(b.data, "0 1048576 18446744073709551615");
    buffer_finish(&b);
}

static void json_strings_are_escaped(void **state)
{
    struct buffer b = {0};
    (void)state;
    buffer_add_json_string(&b, SLICE("a\"b\\c\n\t\x01\x7f\xc3\xa9"));
    buffer_add_byte(&b, 0);
    assert_string_equal(b.data, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xc3\xa9\"");
    buffer_finish(&b);
}

static void a_request_beyond_memory_fails_and_sticks(void **state)
{
    struct buffer b = {0};
    (void)state;
    assert_null(buffer_reserve(&b, SIZE_MAX));
    buffer_add_text(&b, "x");
    assert_true(b.failed);
    assert_int_equal(b.size, 0);
    buffer_clear(&b);
    buffer_add_text(&b, "x");
    assert_int_equal(b.size, 1);
    buffer_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_in_order_and_grows),
        cmocka_unit_test(numbers_go_out_in_network_order),
        cmocka_unit_test(numbers_are_written_in_digits),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(a_request_beyond_memory_fails_and_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
