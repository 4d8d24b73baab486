/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a batch that could not be stored: tried again, searched for culprits, or given
 * up; writer.c tells the whole. */
#include "consumer/failure.h"

#include <stdio.h>

#include "common/app/config.h"
#include "common/core/clock.h"
#include "consumer/meters.h"

#define PATIENCE_NS (60 * CLOCK_S) /* the broker's, with what is unacknowledged: 30 min */

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

void writer_tell_failure(struct writer *w, const char *what)
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

void writer_count_failure(struct writer *w)
{
    const struct meters *m = w->options->meters;
    metric_add(m->failed, 1);
    metric_add(m->retries[w->fault.class], 1);
    w->batch->again = true;
    if (w->trouble_since_ns == 0)
        w->trouble_since_ns = clock_now_ns();
}

bool writer_doubts_session(const struct writer *w)
{
    return w->fault.class == SQLSTATE_CONFIGURATION || w->fault.class == SQLSTATE_UNKNOWN;
}

bool writer_is_out_of_patience(const struct writer *w)
{
    return w->trouble_since_ns != 0 && clock_now_ns() - w->trouble_since_ns > PATIENCE_NS;
}

/* One more try is lost: wait for the next, or give up. */
enum writer_state writer_after_try(struct writer *w)
{
    w->tries++;
    if (w->tries < (uint64_t)w->options->config->consumer_retry_attempts &&
        !writer_is_out_of_patience(w))
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
    writer_count_failure(w);
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
        return is_search_due(w) ? WRITER_SEARCH : writer_after_try(w);
    case SQLSTATE_DATA:
    case SQLSTATE_UNKNOWN:
        return is_search_due(w) ? WRITER_SEARCH : writer_after_try(w);
    case SQLSTATE_TRANSIENT:
    case SQLSTATE_CLASS_COUNT:
        break;
    }
    return writer_after_try(w);
}

void writer_enter_waiting(struct writer *w)
{
    const int64_t cap = w->options->config->consumer_retry_delay_s * CLOCK_S;
    w->retry.cap_ns = cap > 10 * CLOCK_MS ? cap : 10 * CLOCK_MS;
    w->retry.base_ns = w->retry.cap_ns < CLOCK_S ? w->retry.cap_ns : CLOCK_S;
    writer_tell_failure(w, "a batch was not stored, trying again");
    writer_arm(w, backoff_next(&w->retry));
}

/* ---- giving up, and coming back ---- */

struct batch *writer_take_batch(struct writer *w)
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
    writer_tell_failure(w, "a batch was not stored, its messages go back to the queue");
    writer_forget_search(w);
    struct batch *b = writer_take_batch(w);
    writer_go(w, w->up ? WRITER_RESTING : WRITER_DOWN);
    w->handler.on_given_up(w->arg, b, &w->fault);
}
