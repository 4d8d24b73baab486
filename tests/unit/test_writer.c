/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's states, with a session that remembers what it is asked and answers what the test
 * says. */
#include "consumer/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/net/loop.h"
#include "consumer/keys.h"
#include "consumer/meters.h"
#include "consumer/writer_state.h"
#include "schema/queries.h"
#include "tests/unit/batch_unit.h"
#include "tests/unit/unit.h"

/* ---- the session ---- */

static struct session {
    struct session_handler handler;
    void *arg;
    const char *asked; /* SQL or the statement's name; NULL: nothing */
    session_answer_fn fn;
    void *fn_arg;
    size_t copy_bytes;
    bool dropped;
} session;

struct fake_rows {
    size_t count;
    struct slice values[8][3];
};

struct session *session_create(struct loop *loop, const struct session_options *options,
                               const struct session_handler *handler, void *arg)
{
    (void)loop, (void)options;
    session = (struct session){.handler = *handler, .arg = arg};
    return &session;
}

void session_destroy(struct session *s)
{
    (void)s;
}

static void ask(const char *what, session_answer_fn fn, void *arg)
{
    assert_null(session.asked);
    session.asked = what;
    session.fn = fn;
    session.fn_arg = arg;
}

void session_run(struct session *s, const char *sql, session_answer_fn fn, void *arg)
{
    (void)s;
    ask(sql, fn, arg);
}

void session_call(struct session *s, const struct session_call *call, session_answer_fn fn,
                  void *arg)
{
    (void)s;
    ask(call->name, fn, arg);
}

void session_copy(struct session *s, const struct session_copy *copy, session_answer_fn fn,
                  void *arg)
{
    (void)s;
    session.copy_bytes = 0;
    for (size_t i = 0; i < copy->count; i++)
        session.copy_bytes += copy->pieces[i].size;
    ask(copy->sql, fn, arg);
}

void session_drop(struct session *s, const char *reason)
{
    (void)reason;
    s->dropped = true;
}

size_t session_rows(const struct session_answer *a)
{
    return a->rows != NULL ? ((const struct fake_rows *)a->rows)->count : 0;
}

struct slice session_value(const struct session_answer *a, size_t row, unsigned column)
{
    return ((const struct fake_rows *)a->rows)->values[row][column];
}

/* ---- what the writer tells ---- */

static struct {
    unsigned freed, stored, given_up;
    struct writer_result result;
    enum sqlstate_class why;
    size_t refused; /* events quarantined for their data, of the batch that came back */
} told;

static void on_free(void *arg, struct writer *w)
{
    (void)arg, (void)w;
    told.freed++;
}

static void on_stored(void *arg, struct batch *b, const struct writer_result *result)
{
    (void)arg;
    told.stored++;
    told.result = *result;
    told.refused = batch_count(b, BATCH_DATA);
    batch_destroy(b);
}

static void on_given_up(void *arg, struct batch *b, const struct session_fault *why)
{
    (void)arg;
    told.given_up++;
    told.why = why->class;
    told.refused = batch_count(b, BATCH_DATA);
    batch_destroy(b);
}

/* ---- the scene ---- */

static struct {
    struct loop *loop;
    struct config config;
    struct meters meters;
    struct event_reader *reader;
    struct writer *writer;
    struct writer_options options;
    bool visited[WRITER_STATE_COUNT];
} scene;

static void see(void)
{
    scene.visited[scene.writer->state] = true;
}

static void answer_with(const char *expected, struct session_answer a)
{
    see();
    if (session.asked == NULL || strcmp(session.asked, expected) != 0)
        fail_msg("asked \"%s\" in state %s, expected \"%s\"",
                 session.asked != NULL ? session.asked : "nothing",
                 writer_state_name(scene.writer->state), expected);
    session.asked = NULL;
    if (a.tag == NULL)
        a.tag = "";
    session.fn(session.fn_arg, &a);
    see();
}

static void ok(const char *expected)
{
    answer_with(expected, (struct session_answer){.ok = true, .tag = expected});
}

static void ok_rows(const char *expected, int64_t affected)
{
    answer_with(expected, (struct session_answer){.ok = true, .affected = affected});
}

static void no(const char *expected, const char *sqlstate, const char *constraint)
{
    struct session_answer a = {.fault = {.class = sqlstate_class(sqlstate, constraint)}};
    snprintf(a.fault.sqlstate, sizeof a.fault.sqlstate, "%s", sqlstate);
    snprintf(a.fault.message, sizeof a.fault.message, "refused");
    answer_with(expected, a);
}

static void lose(const char *sqlstate)
{
    struct session_fault fault = {.class = sqlstate_class(sqlstate, NULL), .message = "lost"};
    session.asked = NULL;
    session.dropped = false;
    see();
    session.handler.on_lost(session.arg, &fault);
    see();
}

static void ready(void)
{
    session.handler.on_ready(session.arg);
    see();
}

/* Runs timers until the writer has asked something or is in `state`. */
static void pass_time(enum writer_state state)
{
    const int64_t deadline_ns = clock_now_ns() + 10 * CLOCK_S;
    const struct timeval longest = {10, 0};
    while (session.asked == NULL && scene.writer->state != state) {
        assert_true(clock_now_ns() < deadline_ns);
        event_base_loopexit(loop_base(scene.loop), &longest);
        event_base_loop(loop_base(scene.loop), EVLOOP_ONCE);
    }
    see();
}

static struct batch *make_batch(unsigned events, const char *more)
{
    struct buffer lines = {0};
    struct batch *b = batch_create();
    for (unsigned i = 0; i < events; i++)
        unit_line(&lines, i, more);
    const struct link_delivery message = unit_message(buffer_slice(&lines));
    batch_add(b, scene.reader, delivery_create(&message));
    batch_seal(b);
    buffer_finish(&lines);
    return b;
}

static void store(struct batch *b)
{
    assert_true(writer_is_free(scene.writer));
    writer_store(scene.writer, b);
}

static int begin(void **state)
{
    static const struct writer_handler handler = {on_free, on_stored, on_given_up};
    (void)state;
    memset(&told, 0, sizeof told);
    scene.config.consumer_retry_attempts = 3;
    scene.config.dedup_days = 30;
    scene.options = (struct writer_options){
        .config = &scene.config, .name = "test", .meters = &scene.meters, .upkeep = false};
    scene.writer = writer_create(scene.loop, &scene.options, &handler, NULL);
    see();
    ready();
    ok(SQL_PROBE);
    ok("ensure_partitions");
    assert_int_equal(told.freed, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    writer_destroy(scene.writer);
    return 0;
}

static void stored(size_t events, size_t duplicates, size_t quarantined)
{
    assert_int_equal(told.stored, 1);
    assert_int_equal(told.given_up, 0);
    assert_int_equal(told.result.stored, events);
    assert_int_equal(told.result.duplicates, duplicates);
    assert_int_equal(told.result.quarantined, quarantined);
    assert_true(writer_is_free(scene.writer));
    assert_true(writer_is_well(scene.writer));
}

/* ---- tests ---- */

static void a_batch_is_stored_in_one_transaction(void **state)
{
    (void)state;
    store(make_batch(3, ""));
    ok("BEGIN");
    ok_rows(SQL_COPY_EVENTS, 3);
    ok("record_batch");
    assert_int_equal(told.stored, 0);
    ok("COMMIT");
    stored(3, 0, 0);
}

static void commit_must_say_commit(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    ok_rows(SQL_COPY_EVENTS, 1);
    ok("record_batch");
    answer_with("COMMIT", (struct session_answer){.ok = true, .tag = "ROLLBACK"});
    assert_int_equal(told.stored, 0);
    ok("ROLLBACK");
    pass_time(WRITER_BEGIN);
    ok("BEGIN");
    ok_rows(SQL_COPY_AGAIN, 1);
    ok("record_batch");
    ok("COMMIT");
    stored(1, 0, 0);
}

static void a_lost_commit_is_played_again(void **state)
{
    (void)state;
    store(make_batch(2, ""));
    ok("BEGIN");
    ok_rows(SQL_COPY_EVENTS, 2);
    ok("record_batch");
    lose("");
    assert_int_equal(told.stored + told.given_up, 0);
    ready();
    ok("BEGIN");
    ok_rows(SQL_COPY_AGAIN, 0);
    ok("COMMIT"); /* nothing new, so no row in batches */
    stored(0, 2, 0);
}

static void a_row_that_is_there_is_met_through_the_stage(void **state)
{
    (void)state;
    store(make_batch(5, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "23505", "log_events_pkey");
    ok("ROLLBACK");
    ok("BEGIN");
    ok_rows(SQL_COPY_AGAIN, 4);
    ok("record_batch");
    ok("COMMIT");
    stored(4, 1, 0);
}

static void the_culprit_is_found_and_quarantined(void **state)
{
    (void)state;
    store(make_batch(4, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "22P05", NULL);
    ok("ROLLBACK");
    ok("BEGIN");
    ok(SQL_COPY_PIECE);                /* 0 1 */
    no(SQL_COPY_PIECE, "22P05", NULL); /* 2 3 */
    ok(SQL_UNDO_PIECE);
    ok(SQL_COPY_PIECE);                /* 2 */
    no(SQL_COPY_PIECE, "22P05", NULL); /* 3 */
    ok(SQL_UNDO_PIECE);
    ok("ROLLBACK");
    ok("BEGIN");
    ok("quarantine_events");
    ok_rows(SQL_COPY_AGAIN, 3);
    ok("record_batch");
    ok("COMMIT");
    stored(3, 0, 1);
    assert_int_equal(told.refused, 1);
}

static void a_lone_culprit_is_blamed_when_the_control_row_is_taken(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "23514", "a_check");
    ok("ROLLBACK");
    ok("BEGIN");
    no(SQL_COPY_PIECE, "23514", "a_check");
    ok(SQL_UNDO_PIECE);
    ok(SQL_COPY_PIECE); /* the control row */
    ok("ROLLBACK");
    ok("BEGIN");
    ok("quarantine_events");
    ok("record_batch");
    ok("COMMIT");
    stored(0, 0, 1);
}

static void nobody_is_blamed_when_the_control_row_is_refused(void **state)
{
    (void)state;
    store(make_batch(2, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "23514", "a_check");
    ok("ROLLBACK");
    ok("BEGIN");
    for (int i = 0; i < 2; i++) {
        no(SQL_COPY_PIECE, "23514", "a_check");
        ok(SQL_UNDO_PIECE);
    }
    no(SQL_COPY_PIECE, "23514", "a_check");
    ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
    assert_int_equal(told.refused, 0);
}

static void an_outage_in_the_search_blames_nobody(void **state)
{
    (void)state;
    store(make_batch(2, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "22021", NULL);
    ok("ROLLBACK");
    ok("BEGIN");
    no(SQL_COPY_PIECE, "53100", NULL);
    ok("ROLLBACK");
    pass_time(WRITER_BEGIN);
    ok("BEGIN");
    ok_rows(SQL_COPY_AGAIN, 2);
    ok("record_batch");
    ok("COMMIT");
    stored(2, 0, 0);
}

static void an_unknown_error_is_searched_when_tries_run_out(void **state)
{
    (void)state;
    store(make_batch(2, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "XX000", NULL);
    ok("ROLLBACK");
    pass_time(WRITER_BEGIN);
    ok("BEGIN");
    no(SQL_COPY_AGAIN, "XX000", NULL);
    ok("ROLLBACK");
    pass_time(WRITER_BEGIN);
    ok("BEGIN");
    no(SQL_COPY_AGAIN, "XX000", NULL);
    ok("ROLLBACK");
    ok("BEGIN");
    no(SQL_COPY_PIECE, "XX000", NULL);
    ok(SQL_UNDO_PIECE);
    ok(SQL_COPY_PIECE);
    ok("ROLLBACK");
    ok("BEGIN");
    ok("quarantine_events");
    ok_rows(SQL_COPY_AGAIN, 1);
    ok("record_batch");
    ok("COMMIT");
    stored(1, 0, 1);
}

static void a_missing_partition_is_made_once(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "23514", NULL);
    ok("ROLLBACK");
    ok("ensure_partitions");
    ok("BEGIN");
    no(SQL_COPY_AGAIN, "23514", NULL);
    ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
}

static void a_partition_that_cannot_be_made_is_configuration(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "23514", NULL);
    ok("ROLLBACK");
    no("ensure_partitions", "22023", NULL);
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_CONFIGURATION);
}

static void configuration_is_given_up_at_once_and_probed(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "42501", NULL);
    ok("ROLLBACK");
    assert_int_equal(told.given_up, 1);
    assert_false(writer_is_free(scene.writer));
    assert_false(writer_is_well(scene.writer));
    assert_string_equal(writer_trouble(scene.writer), "refused");
    lose("");
    ready();
    no(SQL_PROBE, "42501", NULL);
    ok("ROLLBACK");
    assert_int_equal(scene.writer->state, WRITER_RESTING);
    lose("");
    ready();
    ok(SQL_PROBE);
    assert_true(writer_is_free(scene.writer));
    assert_true(writer_is_well(scene.writer));
}

static void tries_run_out(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    for (int i = 0; i < 3; i++) {
        ok("BEGIN");
        no(i == 0 ? SQL_COPY_EVENTS : SQL_COPY_AGAIN, "40P01", NULL);
        ok("ROLLBACK");
        if (i < 2)
            pass_time(WRITER_BEGIN);
    }
    assert_int_equal(told.given_up, 1);
    assert_int_equal(told.why, SQLSTATE_TRANSIENT);
    assert_false(writer_has_batch(scene.writer));
}

static void a_waiting_batch_can_be_had_back(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    writer_give_up(scene.writer); /* not while it is tried */
    assert_int_equal(told.given_up, 0);
    lose("");
    assert_int_equal(scene.writer->state, WRITER_WAITING);
    writer_give_up(scene.writer);
    assert_int_equal(told.given_up, 1);
    assert_int_equal(scene.writer->state, WRITER_DOWN);
}

static void a_session_that_cannot_roll_back_is_dropped(void **state)
{
    (void)state;
    store(make_batch(1, ""));
    ok("BEGIN");
    no(SQL_COPY_EVENTS, "57014", NULL);
    no("ROLLBACK", "XX000", NULL);
    assert_true(session.dropped);
    lose("");
    ready();
    ok("BEGIN");
    ok_rows(SQL_COPY_AGAIN, 1);
    ok("record_batch");
    ok("COMMIT");
    stored(1, 0, 0);
}

static void keys_that_are_won_need_no_look(void **state)
{
    struct fake_rows rows = {.count = 1, .values = {{SLICE("k")}}};
    (void)state;
    store(make_batch(1, ",\"event_id\":\"k\""));
    ok("BEGIN");
    answer_with("claim_keys", (struct session_answer){.ok = true, .rows = &rows});
    ok_rows(SQL_COPY_EVENTS, 1);
    ok("record_batch");
    ok("COMMIT");
    stored(1, 0, 0);
}

static void keys_that_are_taken_are_looked_at(void **state)
{
    struct batch *b = make_batch(1, ",\"event_id\":\"k\"");
    uint8_t digest[DIGEST_SIZE];
    const char id[16] = {9};
    (void)state;
    memcpy(digest, b->keys[0].digest, sizeof digest);
    const struct slice known = {(const char *)digest, sizeof digest};
    struct fake_rows rows = {.count = 1, .values = {{SLICE("k"), {id, 16}, known}}};
    store(b);
    ok("BEGIN");
    ok("claim_keys");
    answer_with("find_keys", (struct session_answer){.ok = true, .rows = &rows});
    ok("COMMIT");
    stored(0, 1, 0);
}

static void a_conflict_goes_to_quarantine(void **state)
{
    const char id[16] = {9}, digest[DIGEST_SIZE] = {0};
    struct fake_rows rows = {.count = 1,
                             .values = {{SLICE("k"), {id, 16}, {digest, sizeof digest}}}};
    (void)state;
    store(make_batch(1, ",\"event_id\":\"k\""));
    ok("BEGIN");
    ok("claim_keys");
    answer_with("find_keys", (struct session_answer){.ok = true, .rows = &rows});
    ok("quarantine_events");
    ok("record_batch");
    ok("COMMIT");
    stored(0, 0, 1);
}

static void a_key_that_went_away_is_asked_for_again(void **state)
{
    (void)state;
    store(make_batch(1, ",\"event_id\":\"k\""));
    ok("BEGIN");
    ok("claim_keys");
    ok("find_keys");
    ok("ROLLBACK");
    pass_time(WRITER_BEGIN);
    ok("BEGIN");
    assert_string_equal(session.asked, "claim_keys");
    lose("28P01");
    assert_int_equal(told.given_up, 1);
}

static void old_keys_are_forgotten_some_at_a_time(void **state)
{
    struct fake_rows some = {.count = 1, .values = {{{"\0\0\x13\x88", 4}}}};
    struct fake_rows none = {.count = 1, .values = {{{"\0\0\0\0", 4}}}};
    (void)state;
    scene.options.upkeep = true;
    scene.writer->upkeep_due = 0;
    store(make_batch(1, ""));
    ok("BEGIN");
    ok_rows(SQL_COPY_EVENTS, 1);
    ok("record_batch");
    ok("COMMIT");
    no("ensure_partitions", "42501", NULL);
    assert_true(writer_is_free(scene.writer)); /* failing upkeep stops nothing */
    told.stored = 0;
    scene.writer->upkeep_due = 0;
    store(make_batch(1, ""));
    ok("BEGIN");
    ok_rows(SQL_COPY_EVENTS, 1);
    ok("record_batch");
    ok("COMMIT");
    ok("ensure_partitions");
    answer_with("purge_keys", (struct session_answer){.ok = true, .rows = &some});
    pass_time(WRITER_STATE_COUNT);
    answer_with("purge_keys", (struct session_answer){.ok = true, .rows = &none});
    assert_true(writer_is_free(scene.writer));
    assert_false(scene.writer->purging);
}

/* After all the others: a state nobody gets to is no state. */
static void every_state_was_visited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WRITER_STATE_COUNT; i++) {
        /* These two are left in the same breath they are entered. */
        if (i != WRITER_STORED && i != WRITER_GIVEN_UP && !scene.visited[i])
            fail_msg("no test gets to state %s", writer_state_name(i));
    }
    assert_null(writer_state_name(WRITER_STATE_COUNT));
}

static int open_scene(void **state)
{
    (void)state;
    log_open("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    scene.loop = loop_create();
    scene.reader = unit_reader();
    if (!metrics_open(1))
        return 1;
    meters_register(&scene.meters);
    return scene.loop == NULL || scene.reader == NULL;
}

static int close_scene(void **state)
{
    (void)state;
    event_reader_destroy(scene.reader);
    loop_destroy(scene.loop);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_stored_in_one_transaction),
        TEST(commit_must_say_commit),
        TEST(a_lost_commit_is_played_again),
        TEST(a_row_that_is_there_is_met_through_the_stage),
        TEST(the_culprit_is_found_and_quarantined),
        TEST(a_lone_culprit_is_blamed_when_the_control_row_is_taken),
        TEST(nobody_is_blamed_when_the_control_row_is_refused),
        TEST(an_outage_in_the_search_blames_nobody),
        TEST(an_unknown_error_is_searched_when_tries_run_out),
        TEST(a_missing_partition_is_made_once),
        TEST(a_partition_that_cannot_be_made_is_configuration),
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
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
