/* SPDX-License-Identifier: Apache-2.0 */
/* How the writer finds who is at fault: an event, a missing partition, or the database. */
#include "tests/unit/writer_scene.h"

#include "schema/queries.h"
#include "tests/unit/unit.h"

static void the_culprit_is_found_and_quarantined(void **state)
{
    (void)state;
    scene_store(scene_batch(4, ""));
    scene_no("begin, copy", "22P05", NULL);
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    scene_ok("copy piece");                /* 0 1 */
    scene_no("copy piece", "22P05", NULL); /* 2 3 */
    scene_ok(SQL_UNDO_PIECE);
    scene_ok("copy piece");                /* 2 */
    scene_no("copy piece", "22P05", NULL); /* 3 */
    scene_ok(SQL_UNDO_PIECE);
    scene_ok("ROLLBACK");
    scene_ok("begin, quarantine_events");
    scene_ok_rows("copy again", 3);
    scene_ok_commit("record_batch, commit");
    scene_stored(3, 0, 1);
    assert_int_equal(told.refused, 1);
}

/* What repeats the first is stored in its place, and is refused for the same reason. */
static void a_culprit_that_shows_when_another_is_out_is_found_as_well(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_no("begin, copy", "22P05", NULL);
    for (int found = 0; found < 2; found++) {
        scene_ok("ROLLBACK");
        scene_ok("BEGIN");
        if (found == 0)
            scene_ok("copy piece");            /* 0 */
        scene_no("copy piece", "22P05", NULL); /* 1, then 0 */
        scene_ok(SQL_UNDO_PIECE);
        if (found == 1)
            scene_ok("copy piece"); /* the control row */
        scene_ok("ROLLBACK");
        scene_ok("begin, quarantine_events");
        if (found == 0)
            scene_no("copy again", "22P05", NULL);
    }
    scene_ok_commit("record_batch, commit");
    scene_stored(0, 0, 2);
}

static void a_lone_culprit_is_blamed_when_the_control_row_is_taken(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "23514", "a_check");
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    scene_no("copy piece", "23514", "a_check");
    scene_ok(SQL_UNDO_PIECE);
    scene_ok("copy piece"); /* the control row */
    scene_ok("ROLLBACK");
    scene_ok("begin, quarantine_events");
    scene_ok_commit("record_batch, commit");
    scene_stored(0, 0, 1);
}

static void nobody_is_blamed_when_the_control_row_is_refused(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_no("begin, copy", "23514", "a_check");
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    for (int i = 0; i < 2; i++) {
        scene_no("copy piece", "23514", "a_check");
        scene_ok(SQL_UNDO_PIECE);
    }
    scene_no("copy piece", "23514", "a_check");
    scene_ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
    assert_int_equal(told.refused, 0);
}

static void an_outage_in_the_search_blames_nobody(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_no("begin, copy", "22021", NULL);
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    scene_no("copy piece", "22021", NULL);
    scene_ok(SQL_UNDO_PIECE);
    scene_no("copy piece", "53100", NULL);
    scene_ok("ROLLBACK");
    scene_pass_time(WRITER_COPY);
    scene_ok_rows("begin, copy again", 2);
    scene_ok_commit("record_batch, commit");
    scene_stored(2, 0, 0);
}

static void a_session_that_forgot_its_objects_in_the_search_blames_nobody(void **state)
{
    static const char *const sqlstates[] = {"42P01", "3B001", "26000", "25P01"};
    (void)state;
    for (size_t i = 0; i < sizeof sqlstates / sizeof sqlstates[0]; i++) {
        scene_store(scene_batch(1, ""));
        scene_ok_rows("begin, copy", 1);
        scene_ok_commit("record_batch, commit");
        scene_store(scene_batch(2, ""));
        scene_no("begin, copy", "22021", NULL);
        scene_ok("ROLLBACK");
        scene_ok("BEGIN");
        scene_no("copy piece", "22021", NULL);
        scene_ok(SQL_UNDO_PIECE);
        scene_no("copy piece", sqlstates[i], NULL);
        scene_ok("ROLLBACK");
        assert_int_equal(told.given_up, i + 1);
        assert_int_equal(told.refused, 0);
        assert_true(scene_is_renewed());
        scene_ready();
        scene_ok(SQL_PROBE);
    }
}

static void a_session_lost_in_the_search_blames_nobody(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_no("begin, copy", "22021", NULL);
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    scene_no("copy piece", "22021", NULL);
    scene_ok(SQL_UNDO_PIECE);
    scene_lose("");
    scene_ready();
    scene_ok_rows("begin, copy again", 2);
    scene_ok_commit("record_batch, commit");
    scene_stored(2, 0, 0);
}

static void an_unknown_error_is_searched_when_tries_run_out(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_no("begin, copy", "XX000", NULL);
    scene_ok("ROLLBACK");
    scene_pass_time(WRITER_COPY);
    scene_no("begin, copy again", "XX000", NULL);
    scene_ok("ROLLBACK");
    scene_pass_time(WRITER_COPY);
    scene_no("begin, copy again", "XX000", NULL);
    scene_ok("ROLLBACK");
    scene_ok("BEGIN");
    scene_no("copy piece", "XX000", NULL);
    scene_ok(SQL_UNDO_PIECE);
    scene_ok("copy piece");
    scene_ok("ROLLBACK");
    scene_ok("begin, quarantine_events");
    scene_ok_rows("copy again", 1);
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 1);
}

static void a_missing_partition_is_made_once(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "23514", NULL);
    scene_ok("ROLLBACK");
    scene_ok("ensure_partitions");
    scene_no("begin, copy again", "23514", NULL);
    scene_ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
}

/* A transaction makes some. */
static void partitions_are_made_until_none_is_missing(void **state)
{
    struct fake_rows some = {.count = 1, .values = {{{"\0\0\0\x32", 4}}}};
    struct fake_rows none = {.count = 1, .values = {{{"\0\0\0\0", 4}}}};
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "23514", NULL);
    scene_ok("ROLLBACK");
    scene_answer("ensure_partitions", (struct session_answer){.ok = true, .rows = &some});
    scene_answer("ensure_partitions", (struct session_answer){.ok = true, .rows = &some});
    scene_answer("ensure_partitions", (struct session_answer){.ok = true, .rows = &none});
    scene_ok_rows("begin, copy again", 1);
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 0);
}

static void a_partition_that_cannot_be_made_is_configuration(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "23514", NULL);
    scene_ok("ROLLBACK");
    scene_no("ensure_partitions", "22023", NULL);
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
}

/* After all the others: a state nobody gets to is no state. */
static void every_state_was_visited(void **state)
{
    (void)state;
    scene_was_seen(WRITER_ENSURE, WRITER_SEARCHED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_culprit_is_found_and_quarantined),
        TEST(a_culprit_that_shows_when_another_is_out_is_found_as_well),
        TEST(a_lone_culprit_is_blamed_when_the_control_row_is_taken),
        TEST(nobody_is_blamed_when_the_control_row_is_refused),
        TEST(an_outage_in_the_search_blames_nobody),
        TEST(a_session_that_forgot_its_objects_in_the_search_blames_nobody),
        TEST(a_session_lost_in_the_search_blames_nobody),
        TEST(an_unknown_error_is_searched_when_tries_run_out),
        TEST(a_missing_partition_is_made_once),
        TEST(partitions_are_made_until_none_is_missing),
        TEST(a_partition_that_cannot_be_made_is_configuration),
        cmocka_unit_test(every_state_was_visited),
    };
    return cmocka_run_group_tests(tests, scene_open, scene_close);
}
