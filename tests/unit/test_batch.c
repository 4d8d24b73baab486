/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/batch.h"

#include <string.h>

#include "common/core/clock.h"
#include "consumer/keys.h"
#include "consumer/row.h"
#include "schema/queries.h"
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

static void add(struct batch *b, struct link_delivery message)
{
    struct delivery *d = delivery_create(&message);
    assert_non_null(d);
    batch_add(b, reader, d);
    assert_false(b->failed);
}

static void add_line(struct batch *b, unsigned n, const char *more)
{
    struct buffer line = {0};
    unit_line(&line, n, more);
    add(b, unit_message(buffer_slice(&line)));
    buffer_finish(&line);
}

static void add_object(struct batch *b, const char *body, const char *message_id, bool redelivered)
{
    struct link_delivery message = unit_message(slice_of(body));
    message.content_type = SLICE("Application/JSON; charset=utf-8");
    message.type = (struct slice){0};
    message.message_id = slice_of(message_id);
    message.redelivered = redelivered;
    add(b, message);
}

static struct batch *sealed(struct batch *b)
{
    batch_seal(b);
    batch_begin_try(b);
    return b;
}

static enum batch_verdict verdict(const struct batch *b, size_t event)
{
    assert_true(event < b->event_count);
    return b->events[event].verdict;
}

static void each_line_is_a_row(void **state)
{
    struct buffer lines = {0};
    struct batch *b = batch_create();
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        unit_line(&lines, i, "");
    add(b, unit_message(buffer_slice(&lines)));
    sealed(b);
    assert_int_equal(b->event_count, 3);
    assert_int_equal(b->key_count, 0);
    for (size_t i = 0; i < 3; i++) {
        const char *row = b->rows.data + b->events[i].row;
        assert_memory_equal(row + 4, b->events[i].id.bytes, 16);
        assert_int_equal(row[b->events[i].row_size - 1], i); /* position */
        assert_memory_equal(row + b->events[i].row_size - 24, b->id.bytes, 16);
        assert_int_equal(b->events[i].columns, b->columns);
    }
    assert_int_equal(b->events[2].row + b->events[2].row_size, b->rows.size);
    batch_destroy(b);
    buffer_finish(&lines);
}

/* The names as they stand in SQL, white space as one blank. */
static void add_names(const char *sql, struct buffer *out)
{
    for (const char *p = strchr(sql, '(') + 1; *p != ')'; p++)
        if (*p != '\n')
            buffer_add_byte(out, (uint8_t)*p);
        else if (p[1] != ')')
            buffer_add_byte(out, ' ');
}

static void rows_are_in_the_order_of_the_columns(void **state)
{
    struct buffer names = {0}, expected = {0};
    (void)state;
    row_names(ROW_COLUMNS_ALL, &names);
    add_names(SQL_COPY_AGAIN, &expected);
    buffer_add_byte(&names, '\0');
    buffer_add_byte(&expected, '\0');
    assert_string_equal(names.data, expected.data);
    buffer_finish(&names);
    buffer_finish(&expected);
}

static void a_bad_line_harms_only_itself(void **state)
{
    struct buffer lines = {0};
    struct batch *b = batch_create();
    (void)state;
    unit_line(&lines, 1, "");
    buffer_add_text(&lines, "{\"id\":\n\r\n");
    unit_line(&lines, 2, "");
    add(b, unit_message(buffer_slice(&lines)));
    assert_int_equal(b->event_count, 3);
    assert_int_equal(verdict(b, 0), BATCH_STORE);
    assert_int_equal(verdict(b, 1), BATCH_UNREADABLE);
    assert_true(slice_equals(b->events[1].raw, SLICE("{\"id\":")));
    assert_true(b->events[1].message_size > 0);
    assert_int_equal(verdict(b, 2), BATCH_STORE);
    batch_destroy(b);
    buffer_finish(&lines);
}

static void what_is_no_event_is_quarantined_whole(void **state)
{
    struct batch *b = batch_create();
    struct link_delivery newer = unit_message(SLICE("{}\n{}\n"));
    (void)state;
    newer.version = MESSAGE_VERSION + 1;
    add(b, unit_message(SLICE("")));
    add(b, unit_message(SLICE("\n \n")));
    add(b, newer);
    add_object(b, "\xff\xfe", "", false);
    add_object(b, "[1]", "", false);
    add_object(b, "{\"payload\":{}}", "", false);
    assert_int_equal(b->event_count, 6);
    assert_int_equal(batch_count(b, BATCH_UNREADABLE), 6);
    assert_true(slice_equals(b->events[2].raw, SLICE("{}\n{}\n")));
    batch_destroy(b);
}

static void add_received(struct batch *b, int64_t wall_us)
{
    char time[CLOCK_TEXT_SIZE + 1];
    struct buffer line = {0};
    clock_format(wall_us, time);
    buffer_printf(&line,
                  "{\"id\":\"01a1fbad-2991-7001-a38f-aa49ae7569c6\",\"received_at\":\"%s\","
                  "\"event_type\":\"t\",\"severity\":\"info\",\"routing_key\":\"x\","
                  "\"priority\":5}",
                  time);
    add(b, unit_message(buffer_slice(&line)));
    buffer_finish(&line);
}

/* No clock of a producer is held against its events; these years no clock can be in. */
static void an_event_is_stored_whatever_a_clock_says(void **state)
{
    static const struct {
        int64_t seconds;
        enum batch_verdict verdict;
    } rows[] = {
        {0, BATCH_STORE},          {31536000, BATCH_STORE},          {946684799, BATCH_STORE},
        {4102444800, BATCH_STORE}, {7289654399, BATCH_STORE},        {7289654400, BATCH_UNREADABLE},
        {-1, BATCH_UNREADABLE},    {-62135596800, BATCH_UNREADABLE},
    };
    const int64_t now = clock_wall_us(), day = INT64_C(86400) * 1000000;
    struct batch *b = batch_create();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        add_received(b, rows[i].seconds * 1000000);
        assert_int_equal(verdict(b, i), rows[i].verdict);
    }
    add_received(b, now + 400 * day);
    assert_int_equal(verdict(b, b->event_count - 1), BATCH_STORE);
    add_received(b, now - 40 * day);
    assert_int_equal(verdict(b, b->event_count - 1), BATCH_STORE);
    batch_destroy(b);
}

static void the_first_of_one_key_claims_it(void **state)
{
    struct batch *b = batch_create();
    (void)state;
    add_line(b, 1, ",\"event_id\":\"b\"");
    add_line(b, 2, ",\"event_id\":\"a\"");
    add_line(b, 3, ",\"event_id\":\"b\"");
    add_line(b, 4, ",\"event_id\":\"b\",\"title\":\"other\"");
    sealed(b);
    assert_int_equal(verdict(b, 0), BATCH_STORE);
    assert_int_equal(verdict(b, 1), BATCH_STORE);
    assert_int_equal(verdict(b, 2), BATCH_DUPLICATE);
    assert_int_equal(verdict(b, 3), BATCH_CONFLICT);
    assert_true(slice_equals(batch_key_text(b, &b->keys[0]), SLICE("a")));
    assert_int_equal(batch_find_claim(b, SLICE("b"))->event, 0);
    assert_null(batch_find_claim(b, SLICE("c")));
    batch_destroy(b);
}

static void a_taken_key_judges_all_that_wanted_it(void **state)
{
    struct batch *b = batch_create();
    const struct id other = {{9}};
    uint8_t digest[DIGEST_SIZE];
    (void)state;
    add_line(b, 1, ",\"event_id\":\"k\",\"title\":\"one\"");
    add_line(b, 2, ",\"event_id\":\"k\",\"title\":\"two\"");
    sealed(b);
    struct batch_key *claim = batch_find_claim(b, SLICE("k"));
    memcpy(digest, b->keys[1].digest, sizeof digest);
    batch_key_taken(b, claim, &other, digest);
    assert_int_equal(verdict(b, 0), BATCH_CONFLICT);
    assert_int_equal(id_compare(&b->events[0].owner, &other), 0);
    assert_int_equal(verdict(b, 1), BATCH_DUPLICATE);
    batch_begin_try(b); /* and the next try asks again */
    assert_int_equal(verdict(b, 0), BATCH_STORE);
    assert_int_equal(verdict(b, 1), BATCH_CONFLICT);
    assert_ptr_equal(batch_find_claim(b, SLICE("k")), claim);
    batch_destroy(b);
}

static void an_event_that_meets_itself_is_a_duplicate(void **state)
{
    struct batch *b = batch_create();
    uint8_t digest[DIGEST_SIZE] = {0};
    (void)state;
    add_line(b, 1, ",\"event_id\":\"k\"");
    sealed(b);
    const struct id self = b->events[0].id;
    batch_key_taken(b, batch_find_claim(b, SLICE("k")), &self, digest);
    assert_int_equal(verdict(b, 0), BATCH_DUPLICATE);
    batch_destroy(b);
}

static void a_refused_event_claims_nothing(void **state)
{
    struct batch *b = batch_create();
    (void)state;
    add_line(b, 1, ",\"event_id\":\"k\"");
    add_line(b, 2, ",\"event_id\":\"k\"");
    sealed(b);
    batch_refuse(b, &b->events[0], "22P05", "no");
    batch_begin_try(b);
    assert_int_equal(verdict(b, 0), BATCH_DATA);
    assert_int_equal(verdict(b, 1), BATCH_STORE);
    assert_int_equal(batch_find_claim(b, SLICE("k"))->event, 1);
    batch_destroy(b);
}

static void a_redelivered_message_of_others_is_known_by_its_key(void **state)
{
    struct batch *first = batch_create();
    struct batch *again = batch_create();
    (void)state;
    add_object(first, "{\"event_type\":\"x\"}", "m1", false);
    add_object(again, "{\"event_type\":\"x\"}", "m1", true);
    sealed(first);
    sealed(again);
    assert_int_equal(first->key_count, 1);
    assert_true(
        slice_equals(batch_key_text(first, first->keys), batch_key_text(again, again->keys)));
    const struct id id = first->events[0].id;
    batch_key_taken(again, again->keys, &id, first->keys[0].digest);
    assert_int_equal(verdict(again, 0), BATCH_DUPLICATE);
    batch_destroy(first);
    batch_destroy(again);
}

static void equal_messages_without_id_are_told_apart_by_redelivery(void **state)
{
    struct batch *b = batch_create();
    const struct id other = {{9}};
    uint8_t digest[DIGEST_SIZE];
    (void)state;
    add_object(b, "{\"event_type\":\"x\"}", "", false);
    add_object(b, "{\"event_type\":\"x\"}", "", false);
    add_object(b, "{\"event_type\":\"x\"}", "", true);
    sealed(b);
    assert_int_equal(batch_count(b, BATCH_STORE), 2);
    assert_int_equal(verdict(b, 2), BATCH_DUPLICATE);
    memcpy(digest, b->keys[0].digest, sizeof digest);
    batch_key_taken(b, batch_find_claim(b, batch_key_text(b, b->keys)), &other, digest);
    assert_int_equal(batch_count(b, BATCH_STORE), 2);
    batch_begin_try(b); /* twins stay twins: the next try must not claim for them */
    assert_int_equal(batch_count(b, BATCH_STORE), 3);
    assert_int_equal(batch_find_claim(b, batch_key_text(b, b->keys))->event, 2);
    batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_row),
        cmocka_unit_test(rows_are_in_the_order_of_the_columns),
        cmocka_unit_test(a_bad_line_harms_only_itself),
        cmocka_unit_test(what_is_no_event_is_quarantined_whole),
        cmocka_unit_test(an_event_is_stored_whatever_a_clock_says),
        cmocka_unit_test(the_first_of_one_key_claims_it),
        cmocka_unit_test(a_taken_key_judges_all_that_wanted_it),
        cmocka_unit_test(an_event_that_meets_itself_is_a_duplicate),
        cmocka_unit_test(a_refused_event_claims_nothing),
        cmocka_unit_test(a_redelivered_message_of_others_is_known_by_its_key),
        cmocka_unit_test(equal_messages_without_id_are_told_apart_by_redelivery),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
