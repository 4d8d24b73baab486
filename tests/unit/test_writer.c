/* SPDX-License-Identifier: Apache-2.0 */
/* How the writer stores a batch, and what it does when the database does not let it. */
#include "tests/unit/writer_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "consumer/keys.h"
#include "schema/queries.h"
#include "tests/unit/batch_unit.h"
#include "tests/unit/unit.h"

static void a_batch_is_stored_in_one_transaction(void **state)
{
    (void)state;
    scene_store(scene_batch(3, ""));
    scene_ok_rows("begin, copy", 3);
    assert_int_equal(told.stored, 0);
    scene_ok_commit("record_batch, commit");
    scene_stored(3, 0, 0);
}

/* One statement more, and only for a batch that stores such an event. */
static void review_sessions_are_noted_in_the_same_transaction(void **state)
{
    static const char line[] =
        "{\"id\":\"01a1fbad-2991-7001-a38f-000000000001\",\"received_at\":"
        "\"2025-11-21T01:16:32.018452Z\",\"event_type\":\"review_started\",\"severity\":\"info\","
        "\"session_id\":7,\"routing_key\":\"events.t\",\"priority\":5,\"payload\":{}}\n";
    const struct link_delivery message = unit_message(slice_of(line));
    struct batch *b = batch_create();
    (void)state;
    batch_add(b, scene.reader, delivery_create(&message));
    batch_seal(b);
    scene_store(b);
    scene_ok_rows("begin, copy", 1);
    scene_ok("note_reviews");
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 0);
}

/* What it said of itself between the question and the answer. */
static void the_time_of_the_commit_is_the_databases(void **state)
{
    char text[24];
    const int64_t behind_us = INT64_C(2) * 86400 * 1000000;
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_ok_rows("begin, copy", 1);
    const int64_t told_us = clock_wall_us() + behind_us;
    snprintf(text, sizeof text, "%" PRId64, told_us);
    struct fake_rows rows = {.count = 1, .values = {{slice_of(text)}}};
    scene_answer("record_batch, commit",
                 (struct session_answer){.ok = true, .tag = "COMMIT", .rows = &rows});
    scene_stored(1, 0, 0);
    assert_int_equal(told.result.database_us, told_us);
    assert_true(skew_is_too_much(&scene.skew));
    assert_true(skew_us(&scene.skew) <= -(behind_us - 1000000));
}

static void commit_must_say_commit(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_ok_rows("begin, copy", 1);
    scene_answer("record_batch, commit", (struct session_answer){.ok = true, .tag = "ROLLBACK"});
    assert_int_equal(told.stored, 0);
    scene_ok("ROLLBACK");
    scene_pass_time(WRITER_COPY);
    scene_ok_rows("begin, copy again", 1);
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 0);
}

static void a_lost_commit_is_played_again(void **state)
{
    (void)state;
    scene_store(scene_batch(2, ""));
    scene_ok_rows("begin, copy", 2);
    assert_string_equal(scene_asked(), "record_batch, commit");
    scene_lose("");
    assert_int_equal(told.stored + told.given_up, 0);
    scene_ready();
    scene_ok_rows("begin, copy again", 0);
    scene_ok_commit("tell_time, commit"); /* nothing new, so no row in batches */
    scene_stored(0, 2, 0);
}

static void a_row_that_is_there_is_met_through_the_stage(void **state)
{
    (void)state;
    scene_store(scene_batch(5, ""));
    scene_no("begin, copy", "23505", "log_events_pkey");
    scene_ok("ROLLBACK");
    scene_ok_rows("begin, copy again", 4);
    scene_ok_commit("record_batch, commit");
    scene_stored(4, 1, 0);
}

static void a_server_turned_read_only_is_left(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "25006", NULL);
    scene_ok("ROLLBACK");
    assert_true(scene_is_dropped());
    scene_lose("");
    scene_ready();
    assert_string_equal(scene_asked(), "begin, copy again");
}

static void a_session_grown_large_is_renewed(void **state)
{
    static char junk[(3 << 20) + 1];
    struct batch *b = batch_create();
    (void)state;
    memset(junk, 'x', sizeof junk - 1);
    const struct link_delivery message = unit_message(slice_of(junk));
    batch_add(b, scene.reader, delivery_create(&message));
    batch_seal(b);
    scene_store(b);
    scene_ok("begin, quarantine_events");
    scene_ok_commit("record_batch, commit");
    assert_int_equal(told.stored, 1);
    assert_int_equal(told.result.quarantined, 1);
    assert_true(scene_is_renewed());
    assert_false(writer_is_free(scene.writer));
    scene_ready();
    scene_ok(SQL_PROBE);
    assert_true(writer_is_free(scene.writer) && writer_is_well(scene.writer));
    assert_int_equal(scene.writer->scratch.capacity, 0);
}

static void configuration_is_given_up_at_once_and_probed(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "42501", NULL);
    scene_ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_false(writer_is_free(scene.writer));
    assert_false(writer_is_well(scene.writer));
    assert_string_equal(writer_trouble(scene.writer), "refused");
    scene_lose("");
    scene_ready();
    scene_no(SQL_PROBE, "42501", NULL);
    scene_ok("ROLLBACK");
    assert_int_equal(scene.writer->state, WRITER_RESTING);
    scene_lose("");
    scene_ready();
    scene_ok(SQL_PROBE);
    assert_true(writer_is_free(scene.writer));
    assert_true(writer_is_well(scene.writer));
}

static void tries_run_out(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    for (int i = 0; i < 3; i++) {
        scene_no(i == 0 ? "begin, copy" : "begin, copy again", "40P01", NULL);
        scene_ok("ROLLBACK");
        if (i < 2)
            scene_pass_time(WRITER_COPY);
    }
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_TRANSIENT);
    assert_false(writer_has_batch(scene.writer));
}

static void a_waiting_batch_can_be_had_back(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    assert_string_equal(scene_asked(), "begin, copy");
    writer_give_up(scene.writer); /* not while it is tried */
    assert_int_equal(told.given_up, 0);
    scene_lose("");
    assert_int_equal(scene.writer->state, WRITER_WAITING);
    writer_give_up(scene.writer);
    assert_int_equal(told.given_up, 1);
    assert_int_equal(scene.writer->state, WRITER_DOWN);
}

static void a_session_that_cannot_roll_back_is_dropped(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ""));
    scene_no("begin, copy", "57014", NULL);
    scene_no("ROLLBACK", "XX000", NULL);
    assert_true(scene_is_dropped());
    scene_lose("");
    scene_ready();
    scene_ok_rows("begin, copy again", 1);
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 0);
}

static void keys_that_are_won_need_no_look(void **state)
{
    struct fake_rows rows = {.count = 1, .values = {{SLICE("k")}}};
    (void)state;
    scene_store(scene_batch(1, ",\"event_id\":\"k\""));
    scene_answer("begin, claim_keys", (struct session_answer){.ok = true, .rows = &rows});
    scene_ok_rows("copy", 1);
    scene_ok_commit("record_batch, commit");
    scene_stored(1, 0, 0);
}

static void keys_that_are_taken_are_looked_at(void **state)
{
    struct batch *b = scene_batch(1, ",\"event_id\":\"k\"");
    uint8_t digest[DIGEST_SIZE];
    const char id[16] = {9};
    (void)state;
    memcpy(digest, b->keys[0].digest, sizeof digest);
    const struct slice known = {(const char *)digest, sizeof digest};
    struct fake_rows rows = {.count = 1, .values = {{SLICE("k"), {id, 16}, known}}};
    scene_store(b);
    scene_ok("begin, claim_keys");
    scene_answer("find_keys", (struct session_answer){.ok = true, .rows = &rows});
    scene_ok_commit("tell_time, commit");
    scene_stored(0, 1, 0);
}

static void a_conflict_goes_to_quarantine(void **state)
{
    const char id[16] = {9}, digest[DIGEST_SIZE] = {0};
    struct fake_rows rows = {.count = 1,
                             .values = {{SLICE("k"), {id, 16}, {digest, sizeof digest}}}};
    (void)state;
    scene_store(scene_batch(1, ",\"event_id\":\"k\""));
    scene_ok("begin, claim_keys");
    scene_answer("find_keys", (struct session_answer){.ok = true, .rows = &rows});
    scene_ok("quarantine_events");
    scene_ok_commit("record_batch, commit");
    scene_stored(0, 0, 1);
}

static void a_key_that_went_away_is_asked_for_again(void **state)
{
    (void)state;
    scene_store(scene_batch(1, ",\"event_id\":\"k\""));
    scene_ok("begin, claim_keys");
    scene_ok("find_keys");
    scene_ok("ROLLBACK");
    scene_pass_time(WRITER_COPY);
    assert_string_equal(scene_asked(), "begin, claim_keys");
    scene_lose("28P01");
    assert_int_equal(told.given_up, 1);
}

static void old_keys_are_forgotten_some_at_a_time(void **state)
{
    struct fake_rows some = {.count = 1, .values = {{{"\0\0\x13\x88", 4}}}};
    struct fake_rows none = {.count = 1, .values = {{{"\0\0\0\0", 4}}}};
    (void)state;
    scene.options.upkeep = true;
    scene.writer->upkeep_due_ns = 0;
    scene_store(scene_batch(1, ""));
    scene_ok_rows("begin, copy", 1);
    scene_ok_commit("record_batch, commit");
    scene_no("ensure_partitions", "42501", NULL);
    assert_true(writer_is_free(scene.writer)); /* failing upkeep stops nothing */
    told.stored = 0;
    scene.writer->upkeep_due_ns = 0;
    scene_store(scene_batch(1, ""));
    scene_ok_rows("begin, copy", 1);
    scene_ok_commit("record_batch, commit");
    scene_ok("ensure_partitions");
    scene_answer("purge_keys", (struct session_answer){.ok = true, .rows = &some});
    scene_pass_time(WRITER_STATE_COUNT);
    scene_answer("purge_keys", (struct session_answer){.ok = true, .rows = &none});
    assert_true(writer_is_free(scene.writer));
    assert_false(scene.writer->purging);
}

/* After all the others: a state nobody gets to is no state. */
static void every_state_was_visited(void **state)
{
    (void)state;
    scene_was_seen(WRITER_DOWN, WRITER_ROLLBACK);
    scene_was_seen(WRITER_WAITING, WRITER_BROKEN);
    assert_null(writer_state_name(WRITER_STATE_COUNT));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_stored_in_one_transaction),
        TEST(review_sessions_are_noted_in_the_same_transaction),
        TEST(the_time_of_the_commit_is_the_databases),
        TEST(commit_must_say_commit),
        TEST(a_lost_commit_is_played_again),
        TEST(a_row_that_is_there_is_met_through_the_stage),
        TEST(a_server_turned_read_only_is_left),
        TEST(a_session_grown_large_is_renewed),
        TEST(configuration_is_given_up_at_once_and_probed),
        TEST(tries_run_out),
        TEST(a_waiting_batch_can_be_had_back),
        TEST(a_session_that_cannot_roll_back_is_dropped),
        TEST(keys_that_are_won_need_no_look),
        TEST(keys_that_are_taken_are_looked_at),
        TEST(a_conflict_goes_to_quarantine),
        TEST(a_key_that_went_away_is_asked_for_again),
        TEST(old_keys_are_forgotten_some_at_a_time),
        cmocka_unit_test(every_state_was_visited),
    };
    return cmocka_run_group_tests(tests, scene_open, scene_close);
}
