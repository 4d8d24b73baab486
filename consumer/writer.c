/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction:
 *
 *   BEGIN -> CLAIM -> FIND -> QUARANTINE -> COPY -> REVIEWS -> COMMIT
 *
 * States whose work is not needed are skipped: no client's keys, no CLAIM; all of them won, no
 * FIND; no event of a review stored, no REVIEWS. Second ids (keys.h) are claimed and found after
 * the first. The first command begins the transaction, and COMMIT brings the row in batches: round
 * trips cost more than most commands. Nothing is acknowledged or published before COMMIT has
 * answered with the tag COMMIT: in a failed transaction it answers ROLLBACK with success status.
 *
 * The first try copies straight into log_events. A batch that may be there already, in whole or in
 * part, is copied to a temporary table and inserted from there, conflicts ignored: after a
 * redelivery, after 23505, and after any failure, because a transaction whose COMMIT got no answer
 * may have committed. So after a lost answer the batch is simply stored again.
 *
 * After a failure the transaction is rolled back and its class decides (sqlstate.h):
 *
 *   duplicate      played again through the temporary table
 *   partition      partitions are made, once a batch
 *   data           the culprits are searched for, marked, and the rest is played again
 *   unknown        as transient; when the tries are used up, as data
 *   transient      tried again after a delay, until the tries or the patience end
 *   configuration  given up at once
 *
 * The search (SEARCH to SEARCHED) is a transaction that is always rolled back. Pieces that are
 * taken stay for the ones after them. If no piece is taken at all, a known-good probe row decides:
 * if it is refused too, the fault lies with the database, and no event is quarantined.
 *
 * A writer that gave up has no batch; it PROBEs, ever less often, until one could be stored. It
 * PROBEs while there is nothing to do, too: trouble is told before an event finds it. What may be
 * the fault of the session's own state (a temporary table dropped, statements forgotten, settings
 * reset) is never probed in that session again: a new one is made.
 */
#include "consumer/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/app/config.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "consumer/failure.h"
#include "consumer/meters.h"
#include "consumer/writer_state.h"

#define COMMAND_TIMEOUT_NS (20 * CLOCK_S)
#define IDLE_NS            (12 * CLOCK_S) /* then it is probed whether a batch could be stored */

static const struct step {
    const char *name;
    void (*enter)(struct writer *w);
    enum writer_state (*answered)(struct writer *w, const struct session_answer *a);
    enum writer_state (*refused)(struct writer *w, const struct session_answer *a);
} steps[] = {
#define X(symbol, name, enter, answered, refused) {name, enter, answered, refused},
    WRITER_STATES(X)
#undef X
};
static_assert(sizeof steps / sizeof steps[0] == WRITER_STATE_COUNT, "a step for each state");

const char *writer_state_name(unsigned state)
{
    return state < WRITER_STATE_COUNT ? steps[state].name : NULL;
}

void writer_arm(struct writer *w, int64_t delay_ns)
{
    const struct timeval tv = {(time_t)(delay_ns / CLOCK_S),
                               (suseconds_t)(delay_ns % CLOCK_S / 1000)};
    evtimer_add(w->timer, &tv);
}

void writer_go(struct writer *w, enum writer_state state)
{
    log_debug("writer_state", steps[state].name, LOG_TEXT("from", steps[w->state].name));
    evtimer_del(w->timer);
    w->state = state;
    steps[state].enter(w);
}

void writer_on_answer(void *arg, const struct session_answer *a)
{
    struct writer *w = arg;
    const struct step *step = &steps[w->state];
    writer_go(w, a->ok ? step->answered(w, a) : step->refused(w, a));
}

struct statement writer_statement(struct writer *w)
{
    return (struct statement){.session = w->session,
                              .batch = w->batch,
                              .scratch = &w->scratch,
                              .fn = writer_on_answer,
                              .arg = w};
}

void writer_nothing(struct writer *w)
{
    (void)w;
}

/* The answer to a command that was not sent. */
enum writer_state writer_unasked(struct writer *w, const struct session_answer *a)
{
    (void)w, (void)a;
    assert(false);
    return WRITER_BROKEN;
}

/* ---- a batch, from FREE to STORED ---- */

void writer_enter_free(struct writer *w)
{
    const int64_t until_upkeep = w->upkeep_due_ns - clock_now_ns();
    const int64_t until_next = until_upkeep < IDLE_NS ? until_upkeep : IDLE_NS;
    writer_arm(w, w->purging || until_next < 0 ? 0 : until_next);
    w->handler.on_free(w->arg, w);
}

void writer_store(struct writer *w, struct batch *b)
{
    assert(w->state == WRITER_FREE && w->batch == NULL && b->event_count > 0);
    w->batch = b;
    writer_go(w, WRITER_BEGIN);
}

void writer_enter_stored(struct writer *w)
{
    struct batch *b = writer_take_batch(w);
    w->fault = (struct session_fault){0};
    w->has_stored = true;
    log_repeat_reset(&w->told);
    backoff_reset(&w->rest);
    metric_add(w->options->meters->committed, 1);
    w->handler.on_stored(w->arg, b, &w->result);
    if (writer_renews(w))
        writer_go(w, WRITER_DOWN);
    else if (w->upkeep_due_ns <= clock_now_ns())
        writer_go(w, WRITER_AHEAD);
    else
        writer_go(w, w->purging ? WRITER_PURGE : WRITER_FREE);
}

void writer_give_up(struct writer *w)
{
    if (w->state == WRITER_WAITING)
        writer_go(w, WRITER_GIVEN_UP);
}

/* ---- the session and the timer ---- */

static void on_ready(void *arg)
{
    struct writer *w = arg;
    w->up = true;
    w->has_stored = false;
    metric_add(w->options->meters->database_up, 1);
    log_info("session_open", "session with the database is open",
             LOG_INT("down_ms",
                     w->down_since_ns != 0 ? (clock_now_ns() - w->down_since_ns) / CLOCK_MS : 0));
    w->down_since_ns = 0;
    writer_go(w, w->batch != NULL ? WRITER_BEGIN : WRITER_PROBE);
}

static void lose_session(struct writer *w)
{
    w->up = false;
    metric_add(w->options->meters->database_up, -1);
}

static void on_lost(void *arg, const struct session_fault *fault)
{
    struct writer *w = arg;
    const bool was_trying = w->state != WRITER_WAITING;
    w->fault = *fault;
    if (w->down_since_ns == 0)
        w->down_since_ns = clock_now_ns();
    metric_add(w->options->meters->database_lost, 1);
    if (w->up)
        lose_session(w);
    if (w->batch == NULL) {
        writer_tell_failure(w, "no session with the database, trying again");
        writer_go(w, WRITER_DOWN);
        return;
    }
    if (was_trying)
        writer_count_failure(w);
    if (fault->class == SQLSTATE_CONFIGURATION || writer_is_out_of_patience(w))
        writer_go(w, WRITER_GIVEN_UP);
    else if (was_trying)
        writer_go(w, writer_after_try(w));
    else
        writer_tell_failure(w, "no session with the database, trying again");
}

static enum writer_state after_idling(const struct writer *w)
{
    if (w->purging)
        return WRITER_PURGE;
    return w->upkeep_due_ns <= clock_now_ns() ? WRITER_AHEAD : WRITER_PROBE;
}

static void rest_is_over(struct writer *w)
{
    if (!writer_doubts_session(w)) {
        writer_go(w, WRITER_PROBE);
        return;
    }
    writer_renew(w);
    writer_go(w, WRITER_DOWN);
}

static void on_timer(int fd, short what, void *arg)
{
    struct writer *w = arg;
    (void)fd, (void)what;
    loop_works();
    if (w->state == WRITER_FREE)
        writer_go(w, after_idling(w));
    else if (w->state == WRITER_RESTING)
        rest_is_over(w);
    else if (writer_is_out_of_patience(w))
        writer_go(w, WRITER_GIVEN_UP);
    else if (w->up)
        writer_go(w, WRITER_BEGIN);
    else
        writer_arm(w, CLOCK_S);
}

static void set_session_options(struct writer *w)
{
    const struct config *c = w->options->config;
    w->session_options = (struct session_options){
        .hosts = c->database_host,
        .port = (int)c->database_port,
        .database = c->database_name,
        .user = c->database_user,
        .password = c->database_password,
        .sslmode = c->database_sslmode,
        .sslrootcert = c->database_sslrootcert,
        .name = w->options->name,
        .durable = c->environment == CONFIG_PRODUCTION,
        .command_timeout_ns = COMMAND_TIMEOUT_NS,
        .setup = statements_setup,
        .setup_count = statements_setup_count,
    };
}

struct writer *writer_create(struct loop *loop, const struct writer_options *options,
                             const struct writer_handler *handler, void *arg)
{
    static const struct session_handler session_handler = {on_ready, on_lost};
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct writer){.loop = loop, .options = options, .handler = *handler, .arg = arg};
    set_session_options(w);
    w->timer = evtimer_new(loop_base(loop), on_timer, w);
    w->session = session_create(loop, &w->session_options, &session_handler, w);
    if (w->timer == NULL || w->session == NULL) {
        writer_destroy(w);
        return NULL;
    }
    return w;
}

void writer_destroy(struct writer *w)
{
    if (w == NULL)
        return;
    session_destroy(w->session);
    if (w->timer != NULL)
        event_free(w->timer);
    batch_destroy(w->batch);
    buffer_finish(&w->scratch);
    stream_finish(&w->stream);
    free(w->suspects);
    free(w);
}

bool writer_is_free(const struct writer *w)
{
    return w->state == WRITER_FREE;
}

bool writer_has_batch(const struct writer *w)
{
    return w->batch != NULL;
}

bool writer_is_well(const struct writer *w)
{
    return w->up && w->fault.message[0] == 0;
}

const char *writer_trouble(const struct writer *w)
{
    return w->fault.message[0] != 0 || w->up ? w->fault.message : "connecting";
}
