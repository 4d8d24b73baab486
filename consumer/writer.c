/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction:
 *
 *   BEGIN -> CLAIM -> FIND -> QUARANTINE -> COPY -> REVIEWS -> COMMIT
 *
 * States whose work is not needed are skipped: no client's keys, no CLAIM; all of them won, no
 * FIND; no event of a review stored, no REVIEWS. Second ids (keys.h) are claimed and found after
 * the first. The first command begins the transaction, and COMMIT brings the row in batches: round
 * trips cost more than most commands. Nothing is told to anybody before COMMIT has answered with
 * the tag COMMIT: in a failed transaction it answers ROLLBACK and calls that success.
 *
 * The first try copies straight into log_events. A batch that may be there already, in whole or in
 * part, is copied to a temporary table and inserted from there, conflicts ignored: after a
 * redelivery, after 23505, and after any failure, because a transaction whose COMMIT got no answer
 * may well have committed. So a lost answer needs no question: the batch is played again.
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
 * taken stay for the ones after them. If no piece is taken at all, a control row that nothing can
 * be said against decides: refused too, the fault is the database's, and no event is blamed for it.
 *
 * A writer that gave up has no batch; it PROBEs, ever less often, until one could be stored.
 */
#include "consumer/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/net/loop.h"
#include "consumer/meters.h"
#include "consumer/writer_state.h"

#define COMMAND_TIMEOUT_NS (20 * CLOCK_S)
#define PATIENCE_NS        (60 * CLOCK_S) /* the broker's, with what is unacknowledged: 30 min */

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

/* ---- failures ---- */

enum writer_state writer_fail(struct writer *w, const struct session_answer *a)
{
    w->fault = a->fault;
    w->failed_in = w->state;
    return WRITER_ROLLBACK;
}

enum writer_state writer_fail_because(struct writer *w, const char *message)
{
    struct session_answer a = {.fault = {.class = SQLSTATE_TRANSIENT}};
    snprintf(a.fault.message, sizeof a.fault.message, "%s", message);
    return writer_fail(w, &a);
}

static void tell_failure(struct writer *w, const char *what)
{
    uint64_t held = 0;
    if (!log_repeat_due(&w->told, &held))
        return;
    const enum log_level level =
        w->fault.class == SQLSTATE_CONFIGURATION ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
    log_write(level, "store_failed", what,
              LOG_FIELDS(LOG_TEXT("class", sqlstate_class_name(w->fault.class)),
                         LOG_TEXT("sqlstate", w->fault.sqlstate),
                         LOG_TEXT("reason", w->fault.message), LOG_INT("tries", w->tries),
                         LOG_INT("held_back", held)));
}

static void count_failure(struct writer *w)
{
    const struct meters *m = w->options->meters;
    metric_add(m->failed, 1);
    metric_add(m->retries[w->fault.class], 1);
    w->batch->again = true;
    if (w->trouble_since_ns == 0)
        w->trouble_since_ns = clock_now_ns();
}

static bool is_out_of_patience(const struct writer *w)
{
    return w->trouble_since_ns != 0 && clock_now_ns() - w->trouble_since_ns > PATIENCE_NS;
}

/* One more try is lost: wait for the next, or give up. */
static enum writer_state after_try(struct writer *w)
{
    w->tries++;
    if (w->tries < (uint64_t)w->options->config->consumer_retry_attempts && !is_out_of_patience(w))
        return WRITER_WAITING;
    return WRITER_GIVEN_UP;
}

static bool is_search_due(const struct writer *w)
{
    const unsigned last = (unsigned)w->options->config->consumer_retry_attempts - 1;
    if (w->failed_in != WRITER_COPY || w->searched)
        return false;
    return w->fault.class != SQLSTATE_UNKNOWN || w->tries >= last;
}

enum writer_state writer_decide(struct writer *w)
{
    if (w->batch == NULL)
        return WRITER_RESTING;
    const bool was_again = w->batch->again;
    count_failure(w);
    switch (w->fault.class) {
    case SQLSTATE_CONFIGURATION:
        return WRITER_GIVEN_UP;
    case SQLSTATE_PARTITION:
        if (!w->ensured)
            return WRITER_ENSURE;
        w->fault.class = SQLSTATE_CONFIGURATION;
        return WRITER_GIVEN_UP;
    case SQLSTATE_DUPLICATE:
        if (!was_again)
            return WRITER_BEGIN;
        return is_search_due(w) ? WRITER_SEARCH : after_try(w);
    case SQLSTATE_DATA:
    case SQLSTATE_UNKNOWN:
        return is_search_due(w) ? WRITER_SEARCH : after_try(w);
    case SQLSTATE_TRANSIENT:
    case SQLSTATE_CLASS_COUNT:
        break;
    }
    return after_try(w);
}

void writer_enter_waiting(struct writer *w)
{
    const int64_t cap = w->options->config->consumer_retry_delay_s * CLOCK_S;
    w->retry.cap_ns = cap > 10 * CLOCK_MS ? cap : 10 * CLOCK_MS;
    w->retry.base_ns = w->retry.cap_ns < CLOCK_S ? w->retry.cap_ns : CLOCK_S;
    tell_failure(w, "a batch was not stored, trying again");
    writer_arm(w, backoff_next(&w->retry));
}

/* ---- giving up, and coming back ---- */

static struct batch *take_batch(struct writer *w)
{
    struct batch *b = w->batch;
    w->batch = NULL;
    w->tries = 0;
    w->trouble_since_ns = 0;
    w->ensured = w->searched = w->searching = false;
    backoff_reset(&w->retry);
    return b;
}

void writer_enter_given_up(struct writer *w)
{
    tell_failure(w, "a batch was not stored, its messages go back to the queue");
    writer_forget_search(w);
    struct batch *b = take_batch(w);
    writer_go(w, w->up ? WRITER_RESTING : WRITER_DOWN);
    w->handler.on_given_up(w->arg, b, &w->fault);
}

/* ---- a batch, from FREE to STORED ---- */

void writer_enter_free(struct writer *w)
{
    const int64_t until_upkeep = w->upkeep_due_ns - clock_now_ns();
    writer_arm(w, w->purging || until_upkeep < 0 ? 0 : until_upkeep);
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
    struct batch *b = take_batch(w);
    w->fault = (struct session_fault){0};
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
        tell_failure(w, "no session with the database, trying again");
        writer_go(w, WRITER_DOWN);
        return;
    }
    if (was_trying)
        count_failure(w);
    if (fault->class == SQLSTATE_CONFIGURATION || is_out_of_patience(w))
        writer_go(w, WRITER_GIVEN_UP);
    else if (was_trying)
        writer_go(w, after_try(w));
    else
        tell_failure(w, "no session with the database, trying again");
}

static void on_timer(int fd, short what, void *arg)
{
    struct writer *w = arg;
    (void)fd, (void)what;
    if (w->state == WRITER_FREE)
        writer_go(w, w->purging ? WRITER_PURGE : WRITER_AHEAD);
    else if (w->state == WRITER_RESTING)
        writer_go(w, WRITER_PROBE);
    else if (is_out_of_patience(w))
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
