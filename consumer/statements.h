/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of the writer, each with its parameters made from a batch, and what their answers
 * mean for it. The SQL is in schema/queries. `scratch` holds the parameters while they are sent.
 * Those that answer bool send nothing and are false when memory ran out.
 */
#ifndef HOLDFAST_CONSUMER_STATEMENTS_H
#define HOLDFAST_CONSUMER_STATEMENTS_H

#include "common/pg/command.h"
#include "consumer/batch.h"

/* What the session is to prepare on each connection. */
extern const struct session_statement statements_setup[];
extern const size_t statements_setup_count;

struct statement {
    struct session *session;
    struct batch *batch;
    struct buffer *scratch;
    const char *before, *after; /* "begin", "commit" in the same round trip; NULL: nothing */
    session_answer_fn fn;
    void *arg;
};

size_t statement_open_claims(const struct batch *b); /* asked for and not won */

MUST_CHECK bool statement_claim_keys(const struct statement *st);
void statement_claimed(struct batch *b, const struct session_answer *a);
MUST_CHECK bool statement_find_keys(const struct statement *st);
void statement_found(struct batch *b, const struct session_answer *a);
MUST_CHECK bool statement_quarantine(const struct statement *st);
/* Some of those that are missing; batch NULL: only of the months to come. The answer's count is 0
 * when none was. */
MUST_CHECK bool statement_ensure_partitions(const struct statement *st);

MUST_CHECK bool statement_note_reviews(const struct statement *st);

struct statement_record {
    const char *consumer;
    int32_t events, duplicates, quarantined;
};
MUST_CHECK bool statement_record(const struct statement *st, const struct statement_record *r);
/* The database's wall time, as answered by statement_record, tell_time and the probe; 0: not told.
 */
int64_t statement_time(const struct session_answer *a);
MUST_CHECK bool statement_purge_keys(const struct statement *st, int32_t days);
int64_t statement_count(const struct session_answer *a); /* made, or purged */

#endif
