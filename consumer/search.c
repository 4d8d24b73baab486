/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the events of a batch that PostgreSQL refuses; writer.c tells the whole. What is
 * found is marked in the batch and the transaction rolled back: the next try stores the rest and
 * quarantines the marked, without their keys, in one transaction.
 */
#include <stdlib.h>

#include "consumer/failure.h"
#include "consumer/row.h"
#include "consumer/writer_state.h"
#include "schema/queries.h"

void writer_enter_search(struct writer *w)
{
    const struct batch *b = w->batch;
    w->searched = w->searching = true;
    w->suspect_count = 0;
    free(w->suspects);
    w->suspects = calloc(b->event_count, sizeof *w->suspects);
    if (w->suspects == NULL) {
        writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < b->event_count; i++)
        if (b->events[i].verdict == BATCH_STORE)
            w->suspects[w->suspect_count++] = i;
    split_begin(&w->split, w->suspect_count);
    log_info("search_begun", "PostgreSQL refuses a batch, searching for the events at fault",
             LOG_INT("events", w->suspect_count), LOG_TEXT("sqlstate", w->fault.sqlstate),
             LOG_TEXT("reason", w->fault.message));
    session_run(w->session, "BEGIN", writer_on_answer, w);
}

static enum writer_state next(const struct writer *w)
{
    if (!split_is_done(&w->split))
        return WRITER_PIECE;
    return w->split.taken ? WRITER_SEARCHED : WRITER_CONTROL;
}

enum writer_state writer_search_begun(struct writer *w, const struct session_answer *a)
{
    (void)a;
    return next(w);
}

void writer_enter_piece(struct writer *w)
{
    stream_begin(&w->stream, &(struct stream_rows){.batch = w->batch,
                                                   .which = w->suspects,
                                                   .range = split_piece(&w->split),
                                                   .columns = ROW_COLUMNS_ALL});
    writer_copy(w, SQL_COPY_PIECE);
}

enum writer_state writer_piece_taken(struct writer *w, const struct session_answer *a)
{
    (void)a;
    split_was_taken(&w->split);
    return next(w);
}

static bool blames_events(enum sqlstate_class class)
{
    return class == SQLSTATE_DATA || class == SQLSTATE_DUPLICATE || class == SQLSTATE_UNKNOWN;
}

enum writer_state writer_piece_refused(struct writer *w, const struct session_answer *a)
{
    if (!blames_events(a->fault.class))
        return writer_fail(w, a);
    w->fault = a->fault;
    return WRITER_UNDO;
}

void writer_enter_undo(struct writer *w)
{
    session_run(w->session, SQL_UNDO_PIECE, writer_on_answer, w);
}

enum writer_state writer_piece_undone(struct writer *w, const struct session_answer *a)
{
    size_t suspect;
    (void)a;
    if (split_was_refused(&w->split, &suspect))
        batch_refuse(w->batch, &w->batch->events[w->suspects[suspect]], w->fault.sqlstate,
                     w->fault.message);
    return next(w);
}

void writer_enter_control(struct writer *w)
{
    stream_begin_control(&w->stream, w->batch->events[w->suspects[0]].received_at);
    writer_copy(w, SQL_COPY_PIECE);
}

enum writer_state writer_control_taken(struct writer *w, const struct session_answer *a)
{
    (void)w, (void)a;
    return WRITER_SEARCHED;
}

void writer_forget_search(struct writer *w)
{
    if (!w->searching)
        return;
    for (size_t i = 0; i < w->suspect_count; i++)
        w->batch->events[w->suspects[i]].verdict = BATCH_STORE;
    w->searching = w->searched = false;
}

/* Nothing can be stored, whatever it says: somebody has to look at the database. */
enum writer_state writer_control_refused(struct writer *w, const struct session_answer *a)
{
    const enum writer_state state = writer_fail(w, a);
    if (w->fault.class == SQLSTATE_DATA || w->fault.class == SQLSTATE_DUPLICATE)
        w->fault.class = SQLSTATE_CONFIGURATION;
    else if (w->fault.class == SQLSTATE_UNKNOWN)
        w->fault.class = SQLSTATE_TRANSIENT;
    return state;
}

void writer_enter_searched(struct writer *w)
{
    session_run(w->session, "ROLLBACK", writer_on_answer, w);
}

enum writer_state writer_search_ended(struct writer *w, const struct session_answer *a)
{
    size_t found = 0;
    (void)a;
    for (size_t i = 0; i < w->suspect_count; i++)
        found += w->batch->events[w->suspects[i]].verdict == BATCH_DATA;
    log_warning("search_ended", "the events at fault go to quarantine, the others are stored",
                LOG_INT("found", found), LOG_INT("events", w->suspect_count));
    w->searching = false;
    /* A repetition of what was found takes its place, and may be refused as well. */
    w->searched = found == 0;
    if (found > 0)
        return WRITER_BEGIN;
    w->fault.class = SQLSTATE_TRANSIENT;
    return writer_decide(w);
}
