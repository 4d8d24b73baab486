/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: one session with PostgreSQL and at most one batch, which it makes one committed
 * transaction of, whatever it takes: retries, partitions made, culprits found and quarantined. It
 * gives the batch back stored, or gives it up when the database is in trouble for too long or is
 * set up wrongly; then it probes until the database would take a batch again.
 *
 * Life: writer_create connects and probes; on_free says it can take a batch. Callbacks must not
 * destroy the writer.
 */
#ifndef HOLDFAST_CONSUMER_WRITER_H
#define HOLDFAST_CONSUMER_WRITER_H

#include "common/pg/session.h"
#include "consumer/batch.h"

struct config;
struct loop;
struct meters;
struct skew;
struct writer;

struct writer_result { /* of a stored batch */
    size_t stored, duplicates, quarantined;
    int64_t begun_ns, commit_ns; /* when the transaction began; what its end took */
    int64_t database_us;         /* when it ended, by the database's clock */
};

struct writer_handler { /* each gives the batch back to its maker */
    void (*on_free)(void *arg, struct writer *w);
    void (*on_stored)(void *arg, struct batch *b, const struct writer_result *result);
    void (*on_given_up)(void *arg, struct batch *b, const struct session_fault *why);
};

struct writer_options { /* lent for the life of the writer */
    const struct config *config;
    const char *name; /* of the session, and in batches.consumer */
    const struct meters *meters;
    struct skew *skew; /* of this machine's clock, learned with each commit and probe */
    bool upkeep;       /* forgets old keys, too */
};

struct writer *writer_create(struct loop *loop, const struct writer_options *options,
                             const struct writer_handler *handler, void *arg);
void writer_destroy(struct writer *w); /* with its batch */

bool writer_is_free(const struct writer *w);
bool writer_has_batch(const struct writer *w);
bool writer_is_well(const struct writer *w);        /* the last thing it tried worked */
const char *writer_trouble(const struct writer *w); /* why it is not, for people */

void writer_store(struct writer *w, struct batch *b); /* takes the batch; only while free */
void writer_give_up(struct writer *w); /* a batch that waits for its next try is given back now */

const char *writer_state_name(unsigned state); /* NULL past the last; for the test of the table */

#endif
