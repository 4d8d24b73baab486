/* SPDX-License-Identifier: Apache-2.0 */
/* The states of the writer: one list makes the enum, the names and the steps writer.c tells of. */
#ifndef HOLDFAST_CONSUMER_WRITER_STEPS_H
#define HOLDFAST_CONSUMER_WRITER_STEPS_H

struct session_answer;
struct writer;

/*
 * symbol, name, what it does when entered; a state that sends a command has the two functions that
 * take its answer, each returning the state to go to. Those without a command:
 *   DOWN no session and no batch; RESTING gave up, until the next probe; FREE can take a batch;
 *   BEGIN a try, goes on to its first command at once; STORED and GIVEN_UP hand the batch back;
 *   WAITING for the next try, or for the session; BROKEN the session was dropped, on_lost comes.
 */
/* clang-format off */
#define WRITER_STATES(X) \
    X(DOWN, "down", writer_nothing, writer_unasked, writer_unasked) \
    X(PROBE, "probe", writer_enter_probe, writer_probed, writer_fail) \
    X(RESTING, "resting", writer_enter_resting, writer_unasked, writer_unasked) \
    X(AHEAD, "ahead", writer_enter_ahead, writer_ensured_ahead, writer_not_kept_up) \
    X(PURGE, "purge", writer_enter_purge, writer_purged, writer_not_kept_up) \
    X(FREE, "free", writer_enter_free, writer_unasked, writer_unasked) \
    X(BEGIN, "begin", writer_enter_begin, writer_unasked, writer_unasked) \
    X(CLAIM, "claim", writer_enter_claim, writer_claimed, writer_fail) \
    X(FIND, "find", writer_enter_find, writer_found, writer_fail) \
    X(QUARANTINE, "quarantine", writer_enter_quarantine, writer_quarantined, writer_fail) \
    X(COPY, "copy", writer_enter_copy, writer_copied, writer_fail) \
    X(REVIEWS, "reviews", writer_enter_reviews, writer_reviews_noted, writer_fail) \
    X(COMMIT, "commit", writer_enter_commit, writer_committed, writer_fail) \
    X(STORED, "stored", writer_enter_stored, writer_unasked, writer_unasked) \
    X(ROLLBACK, "rollback", writer_enter_rollback, writer_rolled_back, writer_not_rolled_back) \
    X(ENSURE, "ensure", writer_enter_ensure, writer_ensured, writer_not_ensured) \
    X(SEARCH, "search", writer_enter_search, writer_search_begun, writer_fail) \
    X(PIECE, "piece", writer_enter_piece, writer_piece_taken, writer_piece_refused) \
    X(UNDO, "undo", writer_enter_undo, writer_piece_undone, writer_fail) \
    X(CONTROL, "control", writer_enter_control, writer_control_taken, writer_control_refused) \
    X(SEARCHED, "searched", writer_enter_searched, writer_search_ended, writer_not_rolled_back) \
    X(WAITING, "waiting", writer_enter_waiting, writer_unasked, writer_unasked) \
    X(GIVEN_UP, "given up", writer_enter_given_up, writer_unasked, writer_unasked) \
    X(BROKEN, "broken", writer_nothing, writer_unasked, writer_unasked)
/* clang-format on */

enum writer_state {
#define X(symbol, name, enter, answered, refused) WRITER_##symbol,
    WRITER_STATES(X)
#undef X
        WRITER_STATE_COUNT
};

/* The functions of the table; one that serves several states is declared as often. */
#define X(symbol, name, enter, answered, refused)                                                  \
    void enter(struct writer *w);                                                                  \
    enum writer_state answered(struct writer *w, const struct session_answer *a);                  \
    enum writer_state refused(struct writer *w, const struct session_answer *a);
WRITER_STATES(X)
#undef X

#endif
