/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this machine's clock is right: received_at and the ids of events come from it. It is
 * compared with the database's, whose time receipts carry; a time before this program was built is
 * wrong without a comparison. A producer whose clock is wrong accepts nothing until it is right;
 * events accepted before it knew are stored.
 *
 * A producer that accepts nothing gets no receipts. So a reading is forgotten after REFERENCE_NS:
 * if the database's clock was the wrong one and has been set right, events are accepted again, and
 * their receipts carry its time. All zero: nothing is known.
 */
#ifndef HOLDFAST_PRODUCER_REFERENCE_H
#define HOLDFAST_PRODUCER_REFERENCE_H

#include "common/app/log.h"
#include "common/core/skew.h"

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
