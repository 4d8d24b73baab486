/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's commands against a real server, one case a run: what libpq and PostgreSQL do together
 * in a pipeline and in a COPY, no stand-in tells. test_session.py starts it.
 *
 *     session_check [CASE]      without a case: their names
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/app/log.h"
#include "common/pg/copy.h"
#include "tests/integration/session_scene.h"
#include "tests/unit/unit.h"

enum { STREAM_ROWS = 300000, PIECE_ROWS = 10000, REFUSED = -1, SELECTED = 42 };

#define COPY_SQL "BEGIN; COPY numbers FROM STDIN (FORMAT binary)"
#define CHANNEL  "session_check"

static const char tables[] = "CREATE TABLE numbers (x int4 CHECK (x >= 0));"
                             "CREATE TABLE keys (x int4 UNIQUE DEFERRABLE INITIALLY DEFERRED)";
static const struct session_statement setup[] = {
    {"begin", "BEGIN"},
    {"commit", "COMMIT"},
    {"insert", "INSERT INTO numbers VALUES ($1::int4), ($1::int4)"},
    {"repeat", "INSERT INTO keys VALUES (1), (1)"},
    {"select", "SELECT 42::int4"},
    {"end", "SELECT pg_terminate_backend(pg_backend_pid())"},
    {NULL, "LISTEN " CHANNEL},
};

static const struct slice good = {"\0\0\0\7", 4}, refused = {"\377\377\377\377", 4};
static const struct session_call begin = {.name = "begin"};
static const struct session_call commit = {.name = "commit"};
static const struct session_call insert = {.name = "insert", .values = &good, .count = 1};
static const struct session_call fail_insert = {.name = "insert", .values = &refused, .count = 1};
static const struct session_call repeat = {.name = "repeat"};
static const struct session_call select_42 = {.name = "select"};
static const struct session_call end_backend = {.name = "end"};
#define CALL(s, ...) scene_call(s, (const struct session_call[]){__VA_ARGS__, {0}})

static struct scene scene;
/* The call of PQsendQueryPrepared that finds no memory, counted from 1; 0 for none. */
static int send_fails_at;

static long count_numbers(struct scene *s)
{
    return scene_beside(s, "SELECT count(*) FROM numbers");
}

/* The linker puts this in the place of libpq's. It fails with the socket readable, as it is at any
 * moment of a busy session. */
int __real_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format)
{
    struct pollfd socket = {.fd = PQsocket(conn), .events = POLLIN};
    if (send_fails_at == 0 || --send_fails_at > 0)
        return __real_PQsendQueryPrepared(conn, name, count, values, lengths, formats, format);
    scene_beside(&scene, "NOTIFY " CHANNEL);
    assert_int_equal(poll(&socket, 1, SCENE_DEADLINE_S * 1000), 1);
    return 0;
}

static int set_up(void **state)
{
    scene_init(&scene, tables, setup, sizeof setup / sizeof *setup);
    *state = &scene;
    return 0;
}

static int tear_down(void **state)
{
    scene_finish(*state);
    return 0;
}

/* Outside of a transaction, and pipelines work. */
static void is_usable(struct scene *s)
{
    CALL(s, select_42);
    scene_succeeded(s, "SELECT 1");
    assert_int_equal(s->value, SELECTED);
    CALL(s, begin, commit);
    scene_succeeded(s, "COMMIT");
    assert_false(s->lost);
}

static void comes_back(struct scene *s)
{
    s->lost = false;
    scene_await(s, &s->ready);
    is_usable(s);
}

/* Rows counted from 0; one may be refused by the table, and memory may run out before one. */
struct stream {
    int refused_at, memory_ends_at;
    int rows;
    struct buffer piece;
};

static bool next_piece(void *arg, struct slice *out)
{
    struct stream *st = arg;
    buffer_clear(&st->piece);
    if (st->rows == st->memory_ends_at)
        return false;
    if (st->rows == 0)
        buffer_add_slice(&st->piece, copy_header());
    if (st->rows < STREAM_ROWS) {
        for (const int end = st->rows + PIECE_ROWS; st->rows < end; st->rows++) {
            copy_row(&st->piece, 1);
            copy_int4(&st->piece, st->rows == st->refused_at ? REFUSED : st->rows);
        }
        if (st->rows == STREAM_ROWS)
            buffer_add_slice(&st->piece, copy_trailer());
    }
    *out = buffer_slice(&st->piece);
    return true;
}

static void copy(struct scene *s, int refused_at, int memory_ends_at)
{
    struct stream st = {.refused_at = refused_at, .memory_ends_at = memory_ends_at};
    const struct session_copy c = {.sql = COPY_SQL, .next = next_piece, .next_arg = &st};
    scene_copy(s, &c);
    buffer_finish(&st.piece);
}

/* Also for another COPY. */
static void is_usable_after_copy(struct scene *s)
{
    scene_run(s, "ROLLBACK");
    scene_succeeded(s, "ROLLBACK");
    is_usable(s);
    assert_int_equal(count_numbers(s), 0);
    copy(s, -1, -1);
    scene_succeeded(s, "COPY 300000");
    assert_int_equal(s->affected, STREAM_ROWS);
    CALL(s, commit);
    scene_succeeded(s, "COMMIT");
    assert_int_equal(count_numbers(s), STREAM_ROWS);
}

static void a_pipeline_answers_with_its_last_command(void **state)
{
    struct scene *s = *state;
    CALL(s, begin, insert, commit);
    scene_succeeded(s, "COMMIT");
    CALL(s, insert, select_42);
    scene_succeeded(s, "SELECT 1");
    assert_int_equal(s->value, SELECTED);
    CALL(s, select_42, insert);
    scene_succeeded(s, "INSERT 0 2");
    assert_int_equal(s->affected, 2);
    assert_int_equal(count_numbers(s), 6);
}

static void rows_of_an_earlier_command_stay_with_the_answer(void **state)
{
    struct scene *s = *state;
    CALL(s, begin, select_42, commit);
    scene_succeeded(s, "COMMIT");
    assert_int_equal(s->value, SELECTED);
    scene_run(s, "SELECT 1; SELECT '4242'; BEGIN; COMMIT");
    scene_succeeded(s, "COMMIT");
    assert_int_equal(s->value, 0x34323432);
    CALL(s, begin, commit);
    assert_int_equal(s->value, 0);
}

static void what_fails_in_a_pipeline_keeps_those_behind_it_from_running(void **state)
{
    struct scene *s = *state;
    CALL(s, begin, insert, fail_insert, commit);
    scene_failed(s, "23514");
    assert_string_equal(s->fault.constraint, "numbers_x_check");
    /* The COMMIT would have ended the transaction. */
    CALL(s, select_42);
    scene_failed(s, "25P02");
    scene_run(s, "ROLLBACK");
    scene_succeeded(s, "ROLLBACK");
    is_usable(s);
    assert_int_equal(count_numbers(s), 0);
}

static void commit_of_a_failed_transaction_says_rollback(void **state)
{
    struct scene *s = *state;
    CALL(s, begin, insert, fail_insert);
    scene_failed(s, "23514");
    CALL(s, insert, commit);
    scene_failed(s, "25P02");
    CALL(s, commit);
    scene_succeeded(s, "ROLLBACK");
    is_usable(s);
    assert_int_equal(count_numbers(s), 0);
}

static void a_deferred_constraint_fails_the_commit_of_a_pipeline(void **state)
{
    struct scene *s = *state;
    CALL(s, begin, repeat);
    scene_succeeded(s, "INSERT 0 2");
    CALL(s, commit);
    scene_failed(s, "23505");
    CALL(s, begin, insert, repeat, commit);
    scene_failed(s, "23505");
    assert_string_equal(s->fault.constraint, "keys_x_key");
    is_usable(s);
    assert_int_equal(count_numbers(s), 0);
}

static void a_copy_that_fails_early_in_its_stream_leaves_the_session_usable(void **state)
{
    struct scene *s = *state;
    copy(s, 5, -1);
    scene_failed(s, "23514");
    is_usable_after_copy(s);
}

static void a_stream_whose_memory_runs_out_fails_the_copy_and_leaves_the_session_usable(
    void **state)
{
    struct scene *s = *state;
    copy(s, -1, STREAM_ROWS / 2);
    scene_failed(s, "57014");
    assert_non_null(strstr(s->fault.message, "out of memory"));
    is_usable_after_copy(s);
}

static void a_backend_ended_in_a_pipeline_is_told_as_lost_and_the_session_comes_back(void **state)
{
    struct scene *s = *state;
    s->answered = false;
    session_call(s->session, (const struct session_call[]){begin, insert, end_backend, commit, {0}},
                 scene_on_answer, s);
    scene_await(s, &s->lost);
    assert_false(s->answered);
    assert_string_equal(s->lost_fault.sqlstate, "57P01");
    assert_int_equal(s->lost_fault.class, SQLSTATE_TRANSIENT);
    comes_back(s);
    assert_int_equal(count_numbers(s), 0);
}

static void cannot_send(struct scene *s, int which)
{
    s->answered = false;
    send_fails_at = which;
    session_call(s->session, (const struct session_call[]){insert, insert, {0}}, scene_on_answer,
                 s);
    assert_int_equal(send_fails_at, 0);
    /* Never from within a call into the session. */
    assert_false(s->lost);
    scene_await(s, &s->lost);
    assert_false(s->answered);
    assert_int_equal(s->lost_fault.class, SQLSTATE_TRANSIENT);
    comes_back(s);
    assert_int_equal(count_numbers(s), 0);
}

static void a_pipeline_whose_first_call_cannot_be_sent_ends_the_session(void **state)
{
    cannot_send(*state, 1);
}

static void a_pipeline_whose_second_call_cannot_be_sent_ends_the_session(void **state)
{
    cannot_send(*state, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest cases[] = {
    CASE(a_pipeline_answers_with_its_last_command),
    CASE(rows_of_an_earlier_command_stay_with_the_answer),
    CASE(what_fails_in_a_pipeline_keeps_those_behind_it_from_running),
    CASE(commit_of_a_failed_transaction_says_rollback),
    CASE(a_deferred_constraint_fails_the_commit_of_a_pipeline),
    CASE(a_copy_that_fails_early_in_its_stream_leaves_the_session_usable),
    CASE(a_stream_whose_memory_runs_out_fails_the_copy_and_leaves_the_session_usable),
    CASE(a_backend_ended_in_a_pipeline_is_told_as_lost_and_the_session_comes_back),
    CASE(a_pipeline_whose_first_call_cannot_be_sent_ends_the_session),
    CASE(a_pipeline_whose_second_call_cannot_be_sent_ends_the_session),
};
enum { CASES = sizeof cases / sizeof *cases };

int main(int argc, char **argv)
{
    log_open("session_check", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    for (size_t i = 0; i < CASES; i++) {
        const struct CMUnitTest one[] = {cases[i]};
        if (argc < 2)
            puts(one->name);
        else if (strcmp(one->name, argv[1]) == 0)
            return cmocka_run_group_tests_name(one->name, one, NULL, NULL);
    }
    return argc < 2 ? 0 : 2;
}
