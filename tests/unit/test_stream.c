/* SPDX-License-Identifier: Apache-2.0 */
/* The COPY stream of a batch: which columns it names, what stands in them, and in what pieces. */
#include <string.h>

#include "common/pg/copy.h"
#include "consumer/row.h"
#include "consumer/stream.h"
#include "tests/unit/batch_unit.h"
#include "tests/unit/unit.h"

static struct event_reader *reader;

static int open_reader(void **state)
{
    (void)state;
    reader = unit_reader();
    return reader == NULL;
}

static int close_reader(void **state)
{
    (void)state;
    event_reader_destroy(reader);
    return 0;
}

/* One message with a line for each of `more`, in its order. */
static struct batch *batch_of(size_t count, const char *const more[])
{
    struct buffer lines = {0};
    struct batch *b = batch_create();
    for (unsigned i = 0; i < count; i++)
        unit_line(&lines, i, more[i]);
    const struct link_delivery message = unit_message(buffer_slice(&lines));
    batch_add(b, reader, delivery_create(&message));
    batch_seal(b);
    buffer_finish(&lines);
    return b;
}

/* All pieces in one; how many there were. */
static unsigned read_all(struct stream *s, struct buffer *out)
{
    struct slice piece;
    unsigned count = 0;
    for (;;) {
        assert_true(stream_next(s, &piece));
        if (piece.size == 0)
            return count;
        buffer_add_slice(out, piece);
        count++;
    }
}

static unsigned u16(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* How often the bytes stand in the stream. */
static unsigned times(const struct buffer *stream, struct slice bytes)
{
    unsigned count = 0;
    const char *p = stream->data;
    const char *end = p + stream->size;
    while ((p = memmem(p, (size_t)(end - p), bytes.data, bytes.size)) != NULL) {
        count++;
        p += bytes.size;
    }
    return count;
}

static void only_columns_with_a_value_are_named(void **state)
{
    static const char *const more[] = {"", ",\"user_id\":\"u\""};
    struct batch *b = batch_of(2, more);
    struct buffer names = {0};
    (void)state;
    row_names(b->columns, &names);
    assert_true(slice_equals(buffer_slice(&names),
                             SLICE("id, received_at, event_id, event_type, severity, occurred_at, "
                                   "user_id, routing_key, priority, payload, batch_id, position")));
    buffer_finish(&names);
    batch_destroy(b);
}

static void a_row_has_null_where_only_another_has_a_value(void **state)
{
    static const char *const more[] = {"", ",\"user_id\":\"u\",\"state\":{\"a\":1}"};
    struct batch *b = batch_of(2, more);
    struct stream s = {0};
    struct buffer out = {0};
    (void)state;
    stream_begin(&s, &(struct stream_rows){.batch = b, .range = {0, 2}, .columns = b->columns});
    assert_int_equal(read_all(&s, &out), 1);
    assert_memory_equal(out.data, copy_header().data, COPY_HEADER_SIZE);
    const char *first = out.data + COPY_HEADER_SIZE;
    const size_t size = 2 + b->events[0].row_size + 4 + 7; /* a null, and {} as jsonb */
    assert_int_equal(u16(first), 13);
    assert_int_equal(u16(first + size), 13);
    assert_memory_equal(first + size + 2, b->rows.data + b->events[1].row, b->events[1].row_size);
    assert_int_equal(times(&out, SLICE("\0\0\0\3\1{}")), 1);
    assert_int_equal(out.size,
                     COPY_HEADER_SIZE + size + 2 + b->events[1].row_size + COPY_TRAILER_SIZE);
    stream_finish(&s);
    buffer_finish(&out);
    batch_destroy(b);
}

static void all_columns_hold_every_row(void **state)
{
    static const char *const more[] = {"", ",\"tags\":[\"a\"]"};
    struct batch *b = batch_of(2, more);
    struct stream s = {0};
    struct buffer out = {0};
    (void)state;
    stream_begin(&s, &(struct stream_rows){b, NULL, {0, 2}, ROW_COLUMNS_ALL});
    read_all(&s, &out);
    assert_int_equal(u16(out.data + COPY_HEADER_SIZE), ROW_COLUMNS);
    assert_int_equal(times(&out, SLICE("\0\0\0\3\1{}")), 4); /* state and metadata of both */
    stream_finish(&s);
    buffer_finish(&out);
    batch_destroy(b);
}

static void what_is_not_to_be_stored_is_left_out(void **state)
{
    static const char *const more[] = {"", "", "", ""};
    static const size_t which[] = {0, 2, 3};
    struct batch *b = batch_of(4, more);
    struct stream s = {0};
    struct buffer out = {0};
    (void)state;
    b->events[2].verdict = BATCH_DATA;
    stream_begin(&s, &(struct stream_rows){b, which, {1, 3}, b->columns});
    read_all(&s, &out);
    assert_int_equal(out.size, COPY_HEADER_SIZE + 2 + b->events[3].row_size + COPY_TRAILER_SIZE);
    stream_finish(&s);
    buffer_finish(&out);
    batch_destroy(b);
}

static void a_large_batch_comes_in_pieces_and_a_stream_may_begin_again(void **state)
{
    static const char *more[1000];
    struct stream s = {0};
    struct buffer first = {0}, second = {0};
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        more[i] = i % 2 == 0 ? "" : ",\"title\":\"t\"";
    struct batch *b = batch_of(1000, more);
    const struct stream_rows all = {.batch = b, .range = {0, 1000}, .columns = b->columns};
    stream_begin(&s, &all);
    assert_int_in_range(read_all(&s, &first), 4, 10);
    stream_begin(&s, &all);
    struct slice piece;
    assert_true(stream_next(&s, &piece));
    stream_begin(&s, &all); /* cut short */
    read_all(&s, &second);
    assert_true(slice_equals(buffer_slice(&first), buffer_slice(&second)));
    stream_finish(&s);
    buffer_finish(&first);
    buffer_finish(&second);
    batch_destroy(b);
}

static void the_control_row_is_one_row_in_all_columns(void **state)
{
    struct stream s = {0};
    struct buffer out = {0};
    (void)state;
    stream_begin_control(&s, INT64_C(1763687792018452));
    assert_int_equal(read_all(&s, &out), 1);
    assert_int_equal(u16(out.data + COPY_HEADER_SIZE), ROW_COLUMNS);
    assert_int_equal(u16(out.data + out.size - COPY_TRAILER_SIZE), 0xffff);
    stream_finish(&s);
    buffer_finish(&out);
}

static void a_failure_is_no_end(void **state)
{
    static const char *const more[] = {""};
    struct batch *b = batch_of(1, more);
    struct stream s = {0};
    struct slice piece;
    (void)state;
    const struct stream_rows all = {.batch = b, .range = {0, 1}, .columns = b->columns};
    stream_begin(&s, &all);
    s.piece.failed = true; /* memory ran out */
    assert_false(stream_next(&s, &piece));
    assert_false(stream_next(&s, &piece));
    stream_begin(&s, &all);
    assert_true(stream_next(&s, &piece) && piece.size > 0);
    stream_finish(&s);
    batch_destroy(b);
}

static void a_large_row_leaves_no_memory_behind(void **state)
{
    static char state_of[300000];
    static const char *const more[] = {state_of};
    struct stream s = {0};
    struct slice piece;
    (void)state;
    memset(state_of, ' ', sizeof state_of - 1);
    memcpy(state_of, ",\"state\":{", 10);
    state_of[sizeof state_of - 2] = '}';
    struct batch *b = batch_of(1, more);
    stream_begin(&s, &(struct stream_rows){b, NULL, {0, 1}, b->columns});
    assert_true(stream_next(&s, &piece) && piece.size > sizeof state_of - 20);
    assert_true(stream_next(&s, &piece) && piece.size == 0);
    assert_int_equal(s.piece.capacity, 0);
    stream_finish(&s);
    batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_columns_with_a_value_are_named),
        cmocka_unit_test(a_row_has_null_where_only_another_has_a_value),
        cmocka_unit_test(all_columns_hold_every_row),
        cmocka_unit_test(what_is_not_to_be_stored_is_left_out),
        cmocka_unit_test(a_large_batch_comes_in_pieces_and_a_stream_may_begin_again),
        cmocka_unit_test(a_failure_is_no_end),
        cmocka_unit_test(a_large_row_leaves_no_memory_behind),
        cmocka_unit_test(the_control_row_is_one_row_in_all_columns),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
