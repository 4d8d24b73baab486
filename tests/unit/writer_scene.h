/* SPDX-License-Identifier: Apache-2.0 */
/* A writer over a session that remembers what it is asked and answers what the test says. Expected
 * is the SQL, or the names of the statements and of the COPY: "begin, copy", "copy piece". */
#ifndef HOLDFAST_TESTS_WRITER_SCENE_H
#define HOLDFAST_TESTS_WRITER_SCENE_H

#include "common/app/config.h"
#include "common/core/skew.h"
#include "consumer/meters.h"
#include "consumer/writer_state.h"

struct fake_rows {
    size_t count;
    struct slice values[8][3];
};

extern struct told { /* by the writer */
    unsigned freed, stored, given_up;
    struct writer_result result;
    enum sqlstate_class why;
    size_t refused; /* events quarantined for their data */
} told;

extern struct scene {
    struct loop *loop;
    struct config config;
    struct meters meters;
    struct event_reader *reader;
    struct writer *writer;
    struct writer_options options;
    struct skew skew;
    bool visited[WRITER_STATE_COUNT];
} scene;

const char *scene_asked(void); /* NULL: nothing */
bool scene_is_dropped(void);   /* the session was */
bool scene_is_renewed(void);   /* and not ready again yet */
int scene_open(void **state);  /* of the group */
int scene_close(void **state);
int scene_begin(void **state); /* of each test: a writer that is free */
int scene_end(void **state);

struct batch *scene_batch(unsigned events, const char *more);
void scene_store(struct batch *b);
void scene_answer(const char *expected, struct session_answer a);
void scene_ok(const char *expected);
void scene_ok_commit(const char *expected);
void scene_ok_rows(const char *expected, int64_t affected);
void scene_no(const char *expected, const char *sqlstate, const char *constraint);
void scene_lose(const char *sqlstate);
void scene_ready(void);
void scene_pass_time(enum writer_state state); /* until something is asked, or in this state */

/* The batch came back stored, with these counts. */
void scene_stored(size_t events, size_t duplicates, size_t quarantined);
/* Some test got to each of the states from first to last. */
void scene_was_seen(enum writer_state first, enum writer_state last);

#endif
