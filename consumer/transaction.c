/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the transaction that stores a batch; writer.c tells the whole. */
#include <string.h>

#include "common/core/clock.h"
#include "consumer/failure.h"
#include "consumer/keys.h"
#include "consumer/row.h"
#include "consumer/writer_state.h"
#include "schema/queries.h"

/* What the next command has to begin with. */
static struct statement next_statement(struct writer *w)
{
    struct statement st = writer_statement(w);
    st.before = w->begun ? NULL : "begin";
    w->begun = true;
    return st;
}

static enum writer_state after_quarantine(const struct writer *w)
{
    if (batch_count(w->batch, BATCH_STORE) > 0)
        return WRITER_COPY;
    return WRITER_COMMIT;
}

static enum writer_state after_claims(struct writer *w)
{
    const struct batch *b = w->batch;
    if (batch_claim_second(w->batch))
        return WRITER_CLAIM;
    w->result.duplicates = batch_count(b, BATCH_DUPLICATE);
    w->result.quarantined = batch_count(b, BATCH_CONFLICT) + batch_count(b, BATCH_DATA) +
                            batch_count(b, BATCH_UNREADABLE);
    return w->result.quarantined > 0 ? WRITER_QUARANTINE : after_quarantine(w);
}

void writer_enter_begin(struct writer *w)
{
    writer_forget_search(w);
    batch_begin_try(w->batch);
    w->result = (struct writer_result){.begun_ns = clock_now_ns()};
    w->rows = 0;
    w->begun = false;
    writer_go(w, statement_open_claims(w->batch) > 0 ? WRITER_CLAIM : after_claims(w));
}

void writer_no_memory(struct writer *w)
{
    writer_go(w, writer_fail_because(w, "out of memory"));
}

static void check(struct writer *w, bool sent)
{
    if (!sent)
        writer_no_memory(w);
}

void writer_enter_claim(struct writer *w)
{
    const struct statement st = next_statement(w);
    check(w, statement_claim_keys(&st));
}

enum writer_state writer_claimed(struct writer *w, const struct session_answer *a)
{
    statement_claimed(w->batch, a);
    return statement_open_claims(w->batch) > 0 ? WRITER_FIND : after_claims(w);
}

void writer_enter_find(struct writer *w)
{
    const struct statement st = writer_statement(w);
    check(w, statement_find_keys(&st));
}

/* A key that is neither to be had nor to be found was forgotten or rolled back in between. */
enum writer_state writer_found(struct writer *w, const struct session_answer *a)
{
    statement_found(w->batch, a);
    if (statement_open_claims(w->batch) > 0)
        return writer_fail_because(w, "a key was deleted while it was compared");
    return after_claims(w);
}

void writer_enter_quarantine(struct writer *w)
{
    const struct statement st = next_statement(w);
    check(w, statement_quarantine(&st));
}

enum writer_state writer_quarantined(struct writer *w, const struct session_answer *a)
{
    (void)a;
    return after_quarantine(w);
}

void writer_copy(struct writer *w, const char *sql)
{
    const struct session_copy copy = {.sql = sql, .next = stream_next, .next_arg = &w->stream};
    session_copy(w->session, &copy, writer_on_answer, w);
}

static void add_copy_events(struct buffer *out, uint64_t columns)
{
    struct buffer names = {0};
    row_names(columns, &names);
    buffer_add_byte(&names, 0);
    if (names.failed)
        out->failed = true;
    else
        buffer_printf(out, SQL_COPY_EVENTS, names.data);
    buffer_finish(&names);
}

static bool write_copy_sql(struct writer *w)
{
    buffer_clear(&w->scratch);
    buffer_add_text(&w->scratch, w->begun ? "" : "BEGIN;\n");
    if (w->batch->again)
        buffer_add_text(&w->scratch, SQL_COPY_AGAIN);
    else
        add_copy_events(&w->scratch, w->batch->columns);
    buffer_add_byte(&w->scratch, 0);
    return !w->scratch.failed;
}

void writer_enter_copy(struct writer *w)
{
    const struct batch *b = w->batch;
    if (!write_copy_sql(w)) {
        writer_no_memory(w);
        return;
    }
    w->begun = true;
    w->rows = batch_count(b, BATCH_STORE);
    stream_begin(&w->stream,
                 &(struct stream_rows){.batch = b,
                                       .range = {0, b->event_count},
                                       .columns = b->again ? ROW_COLUMNS_ALL : b->columns});
    writer_copy(w, w->scratch.data);
}

enum writer_state writer_copied(struct writer *w, const struct session_answer *a)
{
    const size_t stored = (size_t)a->affected;
    if (stored > w->rows || (stored < w->rows && !w->batch->again))
        return writer_fail_because(w, "the number of rows stored is not the number sent");
    w->result.stored = stored;
    w->result.duplicates += w->rows - stored;
    return stored > 0 && w->batch->review_count > 0 ? WRITER_REVIEWS : WRITER_COMMIT;
}

void writer_enter_reviews(struct writer *w)
{
    const struct statement st = writer_statement(w);
    check(w, statement_note_reviews(&st));
}

enum writer_state writer_reviews_noted(struct writer *w, const struct session_answer *a)
{
    (void)w, (void)a;
    return WRITER_COMMIT;
}

/* Of what was stored or quarantined; a batch that was there already leaves no trace. */
void writer_enter_commit(struct writer *w)
{
    static const struct session_call commit[] = {{.name = "tell_time"}, {.name = "commit"}, {0}};
    struct statement st = writer_statement(w);
    const struct statement_record record = {.consumer = w->options->name,
                                            .events = (int32_t)w->result.stored,
                                            .duplicates = (int32_t)w->result.duplicates,
                                            .quarantined = (int32_t)w->result.quarantined};
    w->commit_begun_ns = clock_now_ns();
    w->asked_us = clock_wall_us();
    if (w->result.stored + w->result.quarantined == 0) {
        session_call(w->session, commit, writer_on_answer, w);
        return;
    }
    st.after = "commit";
    check(w, statement_record(&st, &record));
}

enum writer_state writer_committed(struct writer *w, const struct session_answer *a)
{
    if (strcmp(a->tag, "COMMIT") != 0)
        return writer_fail_because(w, "COMMIT was answered with something else");
    w->result.commit_ns = clock_now_ns() - w->commit_begun_ns;
    w->result.database_us = writer_learn_time(w, a);
    return WRITER_STORED;
}

void writer_enter_rollback(struct writer *w)
{
    session_run(w->session, "ROLLBACK", writer_on_answer, w);
}

/* A server that has become read-only stays so: another one may take writes. */
enum writer_state writer_rolled_back(struct writer *w, const struct session_answer *a)
{
    (void)a;
    if (strcmp(w->fault.sqlstate, "25006") == 0) {
        session_drop(w->session, w->fault.message);
        return WRITER_BROKEN;
    }
    return writer_decide(w);
}

/* A session in an unknown state is no use: a new one is made. */
enum writer_state writer_not_rolled_back(struct writer *w, const struct session_answer *a)
{
    session_drop(w->session, a->fault.message);
    return WRITER_BROKEN;
}

void writer_enter_ensure(struct writer *w)
{
    const struct statement st = writer_statement(w);
    w->ensured = true;
    check(w, statement_ensure_partitions(&st));
}

/* Until none is missing: a transaction makes a limited number, for each costs the server locks. */
enum writer_state writer_ensured(struct writer *w, const struct session_answer *a)
{
    (void)w;
    return statement_count(a) > 0 ? WRITER_ENSURE : WRITER_BEGIN;
}

/* Outside a transaction. What the function itself refuses, an operator has to look at. */
enum writer_state writer_not_ensured(struct writer *w, const struct session_answer *a)
{
    w->fault = a->fault;
    if (w->fault.class != SQLSTATE_TRANSIENT)
        w->fault.class = SQLSTATE_CONFIGURATION;
    return writer_decide(w);
}
