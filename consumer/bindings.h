/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairs of routing key and priority in a batch, to find out for each whether it has a
 * subscriber: the first event of a pair is published as mandatory, and when the broker returns it,
 * the others are not published. A pair of one event needs no question. Life: all zero is empty;
 * bindings_group begins anew with each batch; bindings_finish.
 */
#ifndef HOLDFAST_CONSUMER_BINDINGS_H
#define HOLDFAST_CONSUMER_BINDINGS_H

#include "consumer/batch.h"

struct binding {
    uint32_t event, events; /* the first of its key, and how many there are */
    uint64_t tag;           /* of the first's message; 0 = not published yet */
    bool answered, taken;
};

struct bindings {
    struct binding *list; /* owned */
    size_t count, room;
    size_t next;     /* the first that was not looked at for asking */
    size_t open;     /* asked and not answered */
    uint32_t *table; /* owned; open addressing: index in list + 1 by the key's hash */
    size_t size;     /* of the table, a power of two */
};

void bindings_finish(struct bindings *r);

/* The keys of the events that are due. Without memory no key is asked about. */
void bindings_group(struct bindings *r, struct batch *b);
void bindings_clear(struct bindings *r); /* every event is published, without a question */

/* The next to ask about; NULL when all have been. bindings_asked says that it was published. */
struct binding *bindings_next(struct bindings *r);
void bindings_asked(struct bindings *r, struct binding *binding, uint64_t tag);
void bindings_answered(struct bindings *r, uint64_t tag, enum link_outcome outcome);
bool bindings_is_open(const struct bindings *r); /* answers are awaited */

enum binding_answer { BINDING_TELL, BINDING_TOLD, BINDING_NOBODY };
enum binding_answer bindings_answer_for(const struct bindings *r, const struct batch *b,
                                        const struct batch_event *e);

#endif
