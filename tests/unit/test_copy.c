/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/copy.h"

#include <string.h>

#include "tests/unit/unit.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__})

static void is(const struct buffer *b, const uint8_t *bytes, size_t size)
{
    assert_false(b->failed);
    assert_int_equal(b->size, size);
    assert_memory_equal(b->data, bytes, size);
}
#define IS(b, ...) is(&(b), BYTES(__VA_ARGS__), sizeof BYTES(__VA_ARGS__))

static void a_stream_has_its_signature_and_end(void **state)
{
    (void)state;
    assert_int_equal(copy_header().size, 19);
    assert_memory_equal(copy_header().data, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    assert_int_equal(copy_trailer().size, 2);
    assert_memory_equal(copy_trailer().data, "\377\377", 2);
}

static void numbers_are_in_network_order(void **state)
{
    struct buffer b = {0};
    (void)state;
    copy_row(&b, 36);
    copy_int2(&b, -2);
    copy_int4(&b, 0x01020304);
    copy_int8(&b, -1);
    copy_float8(&b, -2.5);
    copy_bool(&b, true);
    copy_bool(&b, false);
    copy_null(&b);
    IS(b, 0, 36, 0, 0, 0, 2, 255, 254, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 8, 255, 255, 255, 255, 255,
       255, 255, 255, 0, 0, 0, 8, 0xc0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 255, 255,
       255, 255);
    buffer_finish(&b);
}

static void times_count_from_2000(void **state)
{
    struct buffer b = {0};
    (void)state;
    copy_time(&b, INT64_C(946684800000000));
    copy_time(&b, INT64_C(946684799999999));
    IS(b, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 255);
    buffer_finish(&b);
}

static void texts_and_json_have_their_length(void **state)
{
    struct buffer b = {0};
    const struct id id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    (void)state;
    copy_text(&b, SLICE("ab"));
    copy_text(&b, SLICE(""));
    copy_json(&b, SLICE("{}"));
    copy_uuid(&b, &id);
    IS(b, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0, 0, 0, 3, 1, '{', '}', 0, 0, 0, 16, 1, 2, 3, 4, 5, 6,
       7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    buffer_finish(&b);
}

static void a_value_in_pieces_learns_its_length(void **state)
{
    struct buffer b = {0};
    (void)state;
    const size_t outer = copy_value_begin(&b);
    const size_t inner = copy_value_begin(&b);
    buffer_add_text(&b, "xyz");
    copy_value_end(&b, inner);
    copy_value_end(&b, outer);
    IS(b, 0, 0, 0, 7, 0, 0, 0, 3, 'x', 'y', 'z');
    buffer_finish(&b);
}

static void an_array_has_its_elements(void **state)
{
    struct buffer b = {0};
    (void)state;
    const size_t array = copy_array_begin(&b, COPY_TYPE_TEXT);
    copy_text(&b, SLICE("a"));
    copy_null(&b);
    copy_array_end(&b, array, 2);
    IS(b, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 'a', 255, 255,
       255, 255);
    buffer_finish(&b);
}

static void an_empty_array_has_no_dimension(void **state)
{
    struct buffer b = {0};
    (void)state;
    const size_t array = copy_array_begin(&b, COPY_TYPE_TEXT);
    copy_array_end(&b, array, 0);
    IS(b, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 25);
    buffer_finish(&b);
}

static void lack_of_memory_shows_once_at_the_end(void **state)
{
    struct buffer b = {0};
    (void)state;
    assert_null(buffer_reserve(&b, SIZE_MAX));
    const size_t value = copy_value_begin(&b);
    const size_t array = copy_array_begin(&b, COPY_TYPE_UUID);
    copy_array_end(&b, array, 1);
    copy_value_end(&b, value);
    assert_true(b.failed);
    buffer_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_its_signature_and_end),
        cmocka_unit_test(numbers_are_in_network_order),
        cmocka_unit_test(times_count_from_2000),
        cmocka_unit_test(texts_and_json_have_their_length),
        cmocka_unit_test(a_value_in_pieces_learns_its_length),
        cmocka_unit_test(an_array_has_its_elements),
        cmocka_unit_test(an_empty_array_has_no_dimension),
        cmocka_unit_test(lack_of_memory_shows_once_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
