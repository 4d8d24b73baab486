/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the writer share: writer.c, upkeep.c, transaction.c, search.c, failure.c. */
#ifndef HOLDFAST_CONSUMER_WRITER_STATE_H
#define HOLDFAST_CONSUMER_WRITER_STATE_H

#include "common/app/log.h"
#include "common/core/backoff.h"
#include "consumer/split.h"
#include "consumer/statements.h"
#include "consumer/stream.h"
#include "consumer/writer.h"
#include "consumer/writer_steps.h"

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
    bool up;                     /* the session is */
    bool has_stored;             /* a batch, since it was made */
    int64_t down_since_ns;       /* 0 while it is up, and before its first loss */
    struct writer_result result; /* of the try under way */
    bool begun;                  /* the transaction of this try */
    size_t rows;                 /* given to COPY in this try */
    enum writer_state failed_in;
    unsigned tries;             /* of this batch that failed */
    int64_t trouble_since_ns;   /* first failure of this batch, 0 when none */
    bool ensured, searched;     /* already done for this batch */
    bool searching;             /* what a search has marked counts only when it has ended */
    struct backoff retry, rest; /* between tries; between probes */
    int64_t upkeep_due_ns, commit_begun_ns;
    int64_t asked_us;      /* own wall clock, when the database was last asked for its time */
    bool purging;          /* there may be more old keys */
    struct buffer scratch; /* parameters of statements, and the SQL of COPY */
    struct stream stream;  /* of the COPY under way */
    struct split split;
    size_t *suspects, suspect_count; /* owned; the events split counts */
};

/* The one place that changes the state. */
void writer_go(struct writer *w, enum writer_state state);
void writer_on_answer(void *arg, const struct session_answer *a);
void writer_arm(struct writer *w, int64_t delay_ns);
struct statement writer_statement(struct writer *w);
bool writer_renews(struct writer *w);        /* the session, when it has become large */
void writer_renew(struct writer *w);         /* in any case; then go to DOWN */
void writer_forget_search(struct writer *w); /* cut short, it has proved nothing */
void writer_no_memory(struct writer *w);
int64_t writer_learn_time(struct writer *w, const struct session_answer *a); /* statement_time */
void writer_copy(struct writer *w, const char *sql); /* of what the stream was begun with */

#endif
