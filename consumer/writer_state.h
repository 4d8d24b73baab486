/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the writer share: writer.c (its life), transaction.c (the steps of a batch),
 * search.c (the culprits). Nobody else includes it. */
#ifndef HOLDFAST_CONSUMER_WRITER_STATE_H
#define HOLDFAST_CONSUMER_WRITER_STATE_H

#include "common/base/backoff.h"
#include "common/base/log.h"
#include "consumer/split.h"
#include "consumer/statements.h"
#include "consumer/writer.h"

/* symbol, name, what it does when entered; a state that sends a command has the two functions that
 * take its answer, each returning the state to go to. */
#define WRITER_STATES(X)                                                                           \
    X(DOWN, "down", writer_nothing, NULL, NULL) /* no session, no batch */                         \
    X(PROBE, "probe", writer_enter_probe, writer_probed,                                           \
      writer_fail)                                          /* would a batch be taken? */          \
    X(RESTING, "resting", writer_enter_resting, NULL, NULL) /* gave up; until the next probe */    \
    X(AHEAD, "ahead", writer_enter_ahead, writer_ensured_ahead,                                    \
      writer_not_kept_up) /* partitions of the months to come */                                   \
    X(PURGE, "purge", writer_enter_purge, writer_purged, writer_not_kept_up) /* old keys */        \
    X(FREE, "free", writer_enter_free, NULL, NULL) /* a batch can be stored */                     \
    X(BEGIN, "begin", writer_enter_begin, writer_begun, writer_fail)                               \
    X(CLAIM, "claim", writer_enter_claim, writer_claimed, writer_fail)                             \
    X(FIND, "find", writer_enter_find, writer_found, writer_fail)                                  \
    X(QUARANTINE, "quarantine", writer_enter_quarantine, writer_quarantined, writer_fail)          \
    X(COPY, "copy", writer_enter_copy, writer_copied, writer_fail)                                 \
    X(RECORD, "record", writer_enter_record, writer_recorded, writer_fail)                         \
    X(COMMIT, "commit", writer_enter_commit, writer_committed, writer_fail)                        \
    X(STORED, "stored", writer_enter_stored, NULL, NULL) /* gives the batch back */                \
    X(ROLLBACK, "rollback", writer_enter_rollback, writer_rolled_back, writer_not_rolled_back)     \
    X(ENSURE, "ensure", writer_enter_ensure, writer_ensured,                                       \
      writer_not_ensured) /* a partition was missing */                                            \
    X(SEARCH, "search", writer_enter_search, writer_search_begun, writer_fail)                     \
    X(PIECE, "piece", writer_enter_piece, writer_piece_taken, writer_piece_refused)                \
    X(UNDO, "undo", writer_enter_undo, writer_piece_undone, writer_fail)                           \
    X(CONTROL, "control", writer_enter_control, writer_control_taken, writer_control_refused)      \
    X(SEARCHED, "searched", writer_enter_searched, writer_search_ended, writer_not_rolled_back)    \
    X(WAITING, "waiting", writer_enter_waiting, NULL,                                              \
      NULL) /* for the next try, or for the session */                                             \
    X(GIVEN_UP, "given up", writer_enter_given_up, NULL, NULL) /* gives the batch back */          \
    X(BROKEN, "broken", writer_nothing, NULL, NULL) /* the session was dropped, on_lost comes */

enum writer_state {
#define X(symbol, name, enter, answered, refused) WRITER_##symbol,
    WRITER_STATES(X)
#undef X
        WRITER_STATE_COUNT
};

struct writer {
    struct loop *loop;                    /* borrowed */
    const struct writer_options *options; /* borrowed */
    struct writer_handler handler;
    void *arg;
    struct session_options session_options;
    struct session *session; /* owned */
    struct event *timer;     /* owned; of FREE, RESTING and WAITING */
    enum writer_state state;
    struct batch *batch;        /* owned; from BEGIN to STORED or GIVEN_UP */
    struct session_fault fault; /* the last; message "" after a success */
    struct log_repeat told;
    bool up; /* the session is */

    struct writer_result result; /* of the try under way */
    size_t rows;                 /* given to COPY in this try */
    enum writer_state failed_in;
    unsigned tries;         /* of this batch that failed */
    int64_t trouble_since;  /* ns; first failure of this batch, 0 when none */
    bool ensured, searched; /* already done for this batch */
    struct backoff retry;   /* between tries */
    struct backoff rest;    /* between probes */
    int64_t upkeep_due;     /* ns */
    bool purging;           /* there may be more old keys */

    struct buffer scratch; /* parameters of statements; the control row */
    struct slice *pieces;  /* owned; the COPY stream under way */
    size_t piece_count, piece_room;
    struct slice control; /* the stream with the control row, in scratch */
    struct split split;
    size_t *suspects; /* owned; the events split counts */
    size_t suspect_count;
};

/* The functions of the table. */
void writer_nothing(struct writer *w);
void writer_enter_probe(struct writer *w);
void writer_enter_resting(struct writer *w);
void writer_enter_ahead(struct writer *w);
void writer_enter_purge(struct writer *w);
void writer_enter_free(struct writer *w);
void writer_enter_begin(struct writer *w);
void writer_enter_claim(struct writer *w);
void writer_enter_find(struct writer *w);
void writer_enter_quarantine(struct writer *w);
void writer_enter_copy(struct writer *w);
void writer_enter_record(struct writer *w);
void writer_enter_commit(struct writer *w);
void writer_enter_stored(struct writer *w);
void writer_enter_rollback(struct writer *w);
void writer_enter_ensure(struct writer *w);
void writer_enter_search(struct writer *w);
void writer_enter_piece(struct writer *w);
void writer_enter_undo(struct writer *w);
void writer_enter_control(struct writer *w);
void writer_enter_searched(struct writer *w);
void writer_enter_waiting(struct writer *w);
void writer_enter_given_up(struct writer *w);
enum writer_state writer_probed(struct writer *w, const struct session_answer *a);
enum writer_state writer_ensured_ahead(struct writer *w, const struct session_answer *a);
enum writer_state writer_purged(struct writer *w, const struct session_answer *a);
enum writer_state writer_begun(struct writer *w, const struct session_answer *a);
enum writer_state writer_claimed(struct writer *w, const struct session_answer *a);
enum writer_state writer_found(struct writer *w, const struct session_answer *a);
enum writer_state writer_quarantined(struct writer *w, const struct session_answer *a);
enum writer_state writer_copied(struct writer *w, const struct session_answer *a);
enum writer_state writer_recorded(struct writer *w, const struct session_answer *a);
enum writer_state writer_committed(struct writer *w, const struct session_answer *a);
enum writer_state writer_rolled_back(struct writer *w, const struct session_answer *a);
enum writer_state writer_ensured(struct writer *w, const struct session_answer *a);
enum writer_state writer_search_begun(struct writer *w, const struct session_answer *a);
enum writer_state writer_piece_taken(struct writer *w, const struct session_answer *a);
enum writer_state writer_piece_undone(struct writer *w, const struct session_answer *a);
enum writer_state writer_control_taken(struct writer *w, const struct session_answer *a);
enum writer_state writer_search_ended(struct writer *w, const struct session_answer *a);
enum writer_state writer_fail(struct writer *w, const struct session_answer *a);
enum writer_state writer_not_kept_up(struct writer *w, const struct session_answer *a);
enum writer_state writer_not_rolled_back(struct writer *w, const struct session_answer *a);
enum writer_state writer_not_ensured(struct writer *w, const struct session_answer *a);
enum writer_state writer_piece_refused(struct writer *w, const struct session_answer *a);
enum writer_state writer_control_refused(struct writer *w, const struct session_answer *a);

/* The one place that changes the state. */
void writer_go(struct writer *w, enum writer_state state);
void writer_on_answer(void *arg, const struct session_answer *a);
void writer_arm(struct writer *w, int64_t delay_ns);
struct statement writer_statement(struct writer *w);

/* The state after a failure whose transaction is rolled back. */
enum writer_state writer_decide(struct writer *w);
/* A failure of ours, not of the server: out of memory, an answer that makes no sense. */
enum writer_state writer_fail_because(struct writer *w, const char *message);

/* The COPY stream: header, the rows of the events that are to be stored from `begin` to `end` of
 * `which` (NULL: of all events), trailer. The number of rows; false when memory ran out. */
MUST_CHECK bool writer_gather(struct writer *w, const size_t *which, struct split_piece range,
                              size_t *out_rows);

#endif
