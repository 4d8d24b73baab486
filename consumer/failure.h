/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a writer's batch that could not be stored; for the parts of the writer. */
#ifndef HOLDFAST_CONSUMER_FAILURE_H
#define HOLDFAST_CONSUMER_FAILURE_H

#include "consumer/writer_state.h"

/* A failure of ours, not of the server: out of memory, an answer that makes no sense. */
enum writer_state writer_fail_because(struct writer *w, const char *message);
enum writer_state writer_decide(struct writer *w);    /* after a failure, rolled back */
enum writer_state writer_after_try(struct writer *w); /* one more is lost */

void writer_count_failure(struct writer *w);
void writer_tell_failure(struct writer *w, const char *what); /* the log; at times */
bool writer_is_out_of_patience(const struct writer *w);
bool writer_doubts_session(const struct writer *w); /* the last failure may be its state's */
struct batch *writer_take_batch(struct writer *w);

#endif
