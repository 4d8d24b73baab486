/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this machine's clock can be believed: received_at and the ids of events come from it. It
 * is compared with the database's, which receipts tell; one from before this program was made is
 * wrong by itself. A producer whose clock is wrong takes nothing until it is right; what it took
 * before it knew is stored.
 *
 * Who takes nothing gets no receipts. So a reading is forgotten after REFERENCE_NS: should the
 * database's clock have been the wrong one and be mended, events are taken again, and their
 * receipts tell anew. All zero: nothing is known.
 */
#ifndef HOLDFAST_PRODUCER_REFERENCE_H
#define HOLDFAST_PRODUCER_REFERENCE_H

#include "common/base/log.h"
#include "common/base/skew.h"

#define REFERENCE_NS INT64_C(600000000000)

struct reference {
    struct skew skew;
    int64_t learned_ns;
    struct log_repeat refusals;
    char text[128]; /* of the last refusal */
};

void reference_learn(struct reference *r, int64_t database_us, int64_t asked_us,
                     int64_t answered_us);

/* Why nothing can be taken, for people; NULL when it can. Lent until the next question. */
const char *reference_refusal(struct reference *r);

/* Forgets what is too old, and says in the log, now and then, that nothing is taken. */
void reference_watch(struct reference *r);

#endif
