/* SPDX-License-Identifier: Apache-2.0 */
/* When the writer replaces its session: what is asked of a new one, and when it waits instead. */
#include "tests/unit/writer_scene.h"

#include "schema/queries.h"
#include "tests/unit/unit.h"

static void store_one(void)
{
    scene_store(scene_batch(1, ""));
    scene_ok_rows("begin, copy", 1);
    scene_ok_commit("record_batch, commit");
}

/* A temporary table dropped, statements forgotten: it may be all that is wrong. */
static void a_session_whose_state_is_in_doubt_is_replaced(void **state)
{
    static const char *const sqlstates[] = {"42P01", "26000", "25P01", "3F000", "0A000", "42501"};
    (void)state;
    for (size_t i = 0; i < sizeof sqlstates / sizeof sqlstates[0]; i++) {
        store_one();
        scene_store(scene_batch(1, ""));
        scene_no("begin, copy", sqlstates[i], NULL);
        scene_ok("ROLLBACK");
        assert_int_equal(told.given_up, i + 1);
        assert_true(scene_is_renewed());
        assert_int_equal(scene.writer->state, WRITER_DOWN);
        scene_ready();
        scene_ok(SQL_PROBE);
        assert_true(writer_is_free(scene.writer) && writer_is_well(scene.writer));
    }
}

static void a_new_session_that_is_no_better_is_replaced_later(void **state)
{
    (void)state;
    store_one();
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "42P01", NULL);
    scene_ok("ROLLBACK");
    assert_true(scene_is_renewed());
    scene_ready();
    scene_no(SQL_PROBE, "42P01", NULL);
    scene_ok("ROLLBACK");
    assert_int_equal(scene.writer->state, WRITER_RESTING);
    assert_false(scene_is_renewed());
    writer_arm(scene.writer, 0);
    scene_pass_time(WRITER_DOWN);
    assert_true(scene_is_renewed());
    scene_ready();
    scene_ok(SQL_PROBE);
    assert_true(writer_is_well(scene.writer));
}

static void an_outage_is_waited_for_in_the_same_session(void **state)
{
    (void)state;
    writer_arm(scene.writer, 0);
    scene_pass_time(WRITER_PROBE);
    scene_no(SQL_PROBE, "53100", NULL);
    scene_ok("ROLLBACK");
    assert_int_equal(scene.writer->state, WRITER_RESTING);
    assert_false(writer_is_well(scene.writer));
    writer_arm(scene.writer, 0);
    scene_pass_time(WRITER_PROBE);
    scene_ok(SQL_PROBE);
    assert_true(writer_is_free(scene.writer) && writer_is_well(scene.writer));
}

/* No probe finds it: this must not go round as fast as it can. */
static void a_new_session_that_stores_no_better_is_waited_for(void **state)
{
    (void)state;
    store_one();
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "42501", NULL);
    scene_ok("ROLLBACK");
    scene_ready();
    scene_ok(SQL_PROBE);
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "42501", NULL);
    scene_ok("ROLLBACK");
    assert_false(scene_is_renewed());
    assert_int_equal(scene.writer->state, WRITER_RESTING);
}

/* Before an event finds the trouble. */
static void a_writer_with_nothing_to_do_probes(void **state)
{
    (void)state;
    store_one();
    writer_arm(scene.writer, 0);
    scene_pass_time(WRITER_PROBE);
    scene_no(SQL_PROBE, "42P01", NULL);
    scene_ok("ROLLBACK");
    assert_true(scene_is_renewed());
    assert_false(writer_is_well(scene.writer));
    scene_ready();
    scene_ok(SQL_PROBE);
    assert_true(writer_is_free(scene.writer) && writer_is_well(scene.writer));
    assert_int_equal(told.given_up, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_whose_state_is_in_doubt_is_replaced),
        TEST(a_new_session_that_is_no_better_is_replaced_later),
        TEST(an_outage_is_waited_for_in_the_same_session),
        TEST(a_new_session_that_stores_no_better_is_waited_for),
        TEST(a_writer_with_nothing_to_do_probes),
    };
    return cmocka_run_group_tests(tests, scene_open, scene_close);
}
