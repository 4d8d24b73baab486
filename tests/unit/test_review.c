/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a review session, and what needs no telling. */
#include "consumer/review.h"

#include <string.h>

#include "tests/unit/batch_unit.h"
#include "tests/unit/unit.h"

#define HEAD                                                                                       \
    "{\"id\":\"01a1fbad-2991-7001-a38f-000000000001\",\"received_at\":"                            \
    "\"2026-11-21T01:16:32.018452Z\",\"event_type\":"
#define TAIL ",\"severity\":\"info\",\"routing_key\":\"events.t\",\"priority\":5}"

static struct event_reader *reader;

static int set_up(void **state)
{
    (void)state;
    reader = unit_reader();
    return reader == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    event_reader_destroy(reader);
    return 0;
}

static bool is_told(const char *line)
{
    struct log_event e;
    struct event_faults faults;
    assert_true(event_read_line(reader, slice_of(line), &e, &faults));
    return review_is_told(&e);
}

static void only_sessions_of_reviews_are_told(void **state)
{
    (void)state;
    assert_true(is_told(HEAD "\"review_started\",\"session_id\":7" TAIL));
    assert_true(is_told(HEAD "\"review_paused\",\"session_id\":7" TAIL));
    assert_false(is_told(HEAD "\"review_\",\"session_id\":7" TAIL));
    assert_false(is_told(HEAD "\"review_started\"" TAIL));
    assert_false(is_told(HEAD "\"reviews\",\"session_id\":7" TAIL));
}

static void assert_told(const char *line, const char *expected)
{
    struct log_event e;
    struct event_faults faults;
    struct buffer out = {0};
    assert_true(event_read_line(reader, slice_of(line), &e, &faults));
    review_write(&e, &out);
    buffer_add_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buffer_finish(&out);
}

static void a_note_holds_what_the_tables_keep(void **state)
{
    (void)state;
    assert_told(HEAD "\"review_started\",\"session_id\":7" TAIL,
                "{\"event_type\":\"review_started\",\"session_id\":7,"
                "\"occurred_at\":\"2026-11-21T01:16:32.018452Z\"}");
    assert_told(HEAD "\"review_completed\",\"occurred_at\":\"2026-11-20T00:00:00.000000Z\","
                     "\"session_id\":7,\"user_id\":\"a\\\"b\",\"payload\":{\"pad\":[1],"
                     "\"code\\u005flanguage\":\"c\"}" TAIL,
                "{\"event_type\":\"review_completed\",\"session_id\":7,\"user_id\":\"a\\\"b\","
                "\"payload\":{\"code_language\":\"c\"},"
                "\"occurred_at\":\"2026-11-20T00:00:00.000000Z\"}");
}

#define NOTE(type, session, time)                                                                  \
    "{\"event_type\":\"review_" type "\",\"session_id\":" session                                  \
    ",\"occurred_at\":\"2026-11-21T0" time ":16:32.018452Z\"}"

static bool says_more(const char *before, const char *note)
{
    return review_says_more(slice_of(before), slice_of(note));
}

static void only_what_moves_a_row_says_more(void **state)
{
    (void)state;
    assert_true(review_says_more((struct slice){0}, SLICE(NOTE("started", "7", "2"))));
    assert_false(says_more(NOTE("started", "7", "2"), NOTE("started", "7", "2")));
    assert_false(says_more(NOTE("started", "7", "2"), NOTE("started", "7", "3")));
    assert_true(says_more(NOTE("started", "7", "2"), NOTE("started", "7", "1")));
    assert_true(says_more(NOTE("started", "7", "2"), NOTE("started", "8", "2")));
    assert_true(says_more(NOTE("started", "7", "2"), NOTE("started", "77", "2")));
    assert_true(says_more(NOTE("completed", "7", "2"), NOTE("completed", "7", "3")));
    assert_true(says_more(NOTE("completed", "7", "2"), NOTE("completed", "7", "1")));
    assert_false(says_more(NOTE("completed", "7", "2"), NOTE("completed", "7", "2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_sessions_of_reviews_are_told),
        cmocka_unit_test(a_note_holds_what_the_tables_keep),
        cmocka_unit_test(only_what_moves_a_row_says_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
