/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writers of a consumer, CONSUMER_WRITERS of them and one for urgent events alone, which do not
 * wait for a large transaction.
 *
 * Life: all zero; writers_start once; writers_finish, also when the start failed.
 */
#ifndef HOLDFAST_CONSUMER_WRITERS_H
#define HOLDFAST_CONSUMER_WRITERS_H

#include "consumer/writer.h"

#define WRITERS_MAX   17
#define URGENT_WRITER 0

struct writers {
    struct writer *at[WRITERS_MAX]; /* owned; read by the consumer */
    size_t count;
    struct writer_handler handler; /* filled in by the caller, with its argument */
    void *arg;
    struct writer_options options[WRITERS_MAX];
    char names[WRITERS_MAX][96]; /* "holdfast-consumer host:pid/0" */
};

/* `common` is what all of them have; name and upkeep are made here. False when memory ran out. */
MUST_CHECK bool writers_start(struct writers *ws, struct loop *loop,
                              const struct writer_options *common);
void writers_finish(struct writers *ws);

/* Of those that take everything. The urgent one, mostly idle, has little to tell. */
bool writers_any(const struct writers *ws, bool (*is)(const struct writer *w));
const char *writers_trouble(const struct writers *ws); /* of any that is not well; else NULL */
bool writers_hold_nothing(const struct writers *ws);   /* the urgent one, too */
void writers_give_up(struct writers *ws);              /* what waits for its next try */

#endif
