/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/writer_scene.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/pg/copy.h"
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
    bool dropped, renewed;
} session;

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

void session_call(struct session *s, const struct session_call *calls, session_answer_fn fn,
                  void *arg)
{
    static char names[100];
    size_t size = 0;
    (void)s;
    for (size_t i = 0; calls[i].name != NULL; i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? ", " : "",
                                 calls[i].name);
    ask(names, fn, arg);
}

static const char *name_of_copy(const char *sql)
{
    if (strncmp(sql, "BEGIN;\nCOPY log_events (", 24) == 0)
        return "begin, copy";
    if (strncmp(sql, "COPY log_events (", 17) == 0)
        return "copy";
    if (strcmp(sql, "BEGIN;\n" SQL_COPY_AGAIN) == 0)
        return "begin, copy again";
    if (strcmp(sql, SQL_COPY_AGAIN) == 0)
        return "copy again";
    assert_string_equal(sql, SQL_COPY_PIECE);
    return "copy piece";
}

/* Reads the stream to its end, as libpq would be given it. */
void session_copy(struct session *s, const struct session_copy *copy, session_answer_fn fn,
                  void *arg)
{
    struct slice piece;
    size_t size = 0;
    (void)s;
    do {
        assert_true(copy->next(copy->next_arg, &piece));
        size += piece.size;
    } while (piece.size > 0);
    assert_true(size > COPY_HEADER_SIZE + COPY_TRAILER_SIZE);
    ask(name_of_copy(copy->sql), fn, arg);
}

void session_drop(struct session *s, const char *reason)
{
    (void)reason;
    s->dropped = true;
}

void session_renew(struct session *s)
{
    assert_null(s->asked);
    s->renewed = true;
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

struct told told;

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

struct scene scene;

static void see(void)
{
    scene.visited[scene.writer->state] = true;
}

void scene_answer(const char *expected, struct session_answer a)
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

void scene_ok(const char *expected)
{
    scene_answer(expected, (struct session_answer){.ok = true, .tag = expected});
}

void scene_ok_commit(const char *expected)
{
    scene_answer(expected, (struct session_answer){.ok = true, .tag = "COMMIT"});
}

void scene_ok_rows(const char *expected, int64_t affected)
{
    scene_answer(expected, (struct session_answer){.ok = true, .affected = affected});
}

void scene_no(const char *expected, const char *sqlstate, const char *constraint)
{
    struct session_answer a = {.fault = {.class = sqlstate_class(sqlstate, constraint)}};
    snprintf(a.fault.sqlstate, sizeof a.fault.sqlstate, "%s", sqlstate);
    snprintf(a.fault.message, sizeof a.fault.message, "refused");
    scene_answer(expected, a);
}

void scene_lose(const char *sqlstate)
{
    struct session_fault fault = {.class = sqlstate_class(sqlstate, NULL), .message = "lost"};
    session.asked = NULL;
    session.dropped = false;
    see();
    session.handler.on_lost(session.arg, &fault);
    see();
}

void scene_ready(void)
{
    session.renewed = false;
    session.handler.on_ready(session.arg);
    see();
}

/* Runs timers until the writer has asked something or is in `state`. */
void scene_pass_time(enum writer_state state)
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

struct batch *scene_batch(unsigned events, const char *more)
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

void scene_store(struct batch *b)
{
    assert_true(writer_is_free(scene.writer));
    writer_store(scene.writer, b);
}

const char *scene_asked(void)
{
    return session.asked;
}

bool scene_is_dropped(void)
{
    return session.dropped;
}

bool scene_is_renewed(void)
{
    return session.renewed;
}

int scene_begin(void **state)
{
    static const struct writer_handler handler = {on_free, on_stored, on_given_up};
    (void)state;
    memset(&told, 0, sizeof told);
    scene.config.consumer_retry_attempts = 3;
    scene.config.dedup_days = 30;
    scene.skew = (struct skew){0};
    scene.options = (struct writer_options){
        .config = &scene.config, .name = "test", .meters = &scene.meters, .skew = &scene.skew};
    scene.writer = writer_create(scene.loop, &scene.options, &handler, NULL);
    see();
    scene_ready();
    scene_ok(SQL_PROBE);
    scene_ok("ensure_partitions");
    assert_int_equal(told.freed, 1);
    return 0;
}

int scene_end(void **state)
{
    (void)state;
    writer_destroy(scene.writer);
    return 0;
}

void scene_stored(size_t events, size_t duplicates, size_t quarantined)
{
    assert_int_equal(told.stored, 1);
    assert_int_equal(told.given_up, 0);
    assert_int_equal(told.result.stored, events);
    assert_int_equal(told.result.duplicates, duplicates);
    assert_int_equal(told.result.quarantined, quarantined);
    assert_true(writer_is_free(scene.writer));
    assert_true(writer_is_well(scene.writer));
}

int scene_open(void **state)
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

int scene_close(void **state)
{
    (void)state;
    event_reader_destroy(scene.reader);
    loop_destroy(scene.loop);
    return 0;
}

void scene_was_seen(enum writer_state first, enum writer_state last)
{
    for (enum writer_state s = first; s <= last; s++) {
        /* These are left in the same breath they are entered. */
        if (s != WRITER_BEGIN && s != WRITER_STORED && s != WRITER_GIVEN_UP && !scene.visited[s])
            fail_msg("no test gets to state %s", writer_state_name(s));
    }
}
