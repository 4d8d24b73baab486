/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer does besides storing. Before its first batch, after it gave one up, and at times
 * while there is none, it probes whether the database would take one. At the start and every hour
 * it sees to the partitions of the months to come, and to old keys, forgotten some at a time.
 * Failing is no reason not to store: the present month's partition is there, or its absence will be
 * told by the next batch. */
#include "common/app/config.h"
#include "common/core/clock.h"
#include "common/core/skew.h"
#include "consumer/failure.h"
#include "consumer/meters.h"
#include "consumer/writer_state.h"
#include "schema/queries.h"

#define UPKEEP_EVERY_NS (3600 * CLOCK_S)

/* Parameters of a batch of usual size. What is larger, libpq and the scratch buffer would keep. */
#define KEPT_BYTES ((size_t)2 << 20)

void writer_renew(struct writer *w)
{
    w->up = false;
    w->down_since_ns = clock_now_ns();
    metric_add(w->options->meters->database_up, -1);
    session_renew(w->session);
}

bool writer_renews(struct writer *w)
{
    if (w->scratch.capacity <= KEPT_BYTES)
        return false;
    buffer_finish(&w->scratch);
    writer_renew(w);
    return true;
}

int64_t writer_learn_time(struct writer *w, const struct session_answer *a)
{
    const int64_t database_us = statement_time(a);
    if (database_us != 0)
        skew_learn(w->options->skew, database_us, w->asked_us, clock_wall_us());
    return database_us;
}

void writer_enter_probe(struct writer *w)
{
    w->asked_us = clock_wall_us();
    session_run(w->session, SQL_PROBE, writer_on_answer, w);
}

enum writer_state writer_probed(struct writer *w, const struct session_answer *a)
{
    writer_learn_time(w, a);
    w->fault = (struct session_fault){0};
    return w->upkeep_due_ns <= clock_now_ns() ? WRITER_AHEAD : WRITER_FREE;
}

/* A session that has stored a batch is replaced at once: it may be all that is wrong. What is wrong
 * with the settings is not mended in a second. */
void writer_enter_resting(struct writer *w)
{
    const bool slow = w->fault.class == SQLSTATE_CONFIGURATION;
    writer_tell_failure(w, "the database refuses every batch, trying again");
    if (w->has_stored && writer_doubts_session(w)) {
        writer_renew(w);
        writer_go(w, WRITER_DOWN);
        return;
    }
    w->rest.base_ns = slow ? 5 * CLOCK_S : CLOCK_S;
    w->rest.cap_ns = slow ? 30 * CLOCK_S : 15 * CLOCK_S;
    writer_arm(w, backoff_next(&w->rest));
}

void writer_enter_ahead(struct writer *w)
{
    const struct statement st = writer_statement(w);
    w->upkeep_due_ns = clock_now_ns() + UPKEEP_EVERY_NS;
    w->purging = w->options->upkeep;
    if (!statement_ensure_partitions(&st))
        writer_go(w, WRITER_FREE);
}

enum writer_state writer_ensured_ahead(struct writer *w, const struct session_answer *a)
{
    (void)a;
    return w->purging ? WRITER_PURGE : WRITER_FREE;
}

void writer_enter_purge(struct writer *w)
{
    const struct statement st = writer_statement(w);
    if (!statement_purge_keys(&st, (int32_t)w->options->config->dedup_days))
        writer_go(w, WRITER_FREE);
}

enum writer_state writer_purged(struct writer *w, const struct session_answer *a)
{
    w->purging = statement_count(a) > 0;
    return WRITER_FREE;
}

enum writer_state writer_not_kept_up(struct writer *w, const struct session_answer *a)
{
    log_warning("upkeep_failed",
                "partitions ahead not made or old keys not deleted, trying again in an hour",
                LOG_TEXT("sqlstate", a->fault.sqlstate), LOG_TEXT("reason", a->fault.message));
    w->purging = false;
    return WRITER_FREE;
}
