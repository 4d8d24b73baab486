/* SPDX-License-Identifier: Apache-2.0 */
/* A batch, one transaction: messages, their events as rows, and what becomes of each. Life: create,
 * add deliveries (taken), seal, begin a try. Writer, statements and feed read the fields. */
#ifndef HOLDFAST_CONSUMER_BATCH_H
#define HOLDFAST_CONSUMER_BATCH_H

#include "common/event/event.h"
#include "consumer/delivery.h"
#include "consumer/notice.h"

enum batch_verdict {
    BATCH_STORE,
    BATCH_DUPLICATE,  /* stored before, or beside it in this batch */
    BATCH_CONFLICT,   /* its event_id belongs to an event that says something else */
    BATCH_DATA,       /* PostgreSQL refuses it */
    BATCH_UNREADABLE, /* no event */
};

struct batch_event {
    const struct delivery *delivery; /* owned by the batch */
    struct slice raw;                /* its line, or the whole body; in the delivery */
    struct id id;
    int64_t received_at;            /* µs */
    int64_t skew_us;                /* received_at - occurred_at; 0 when that was not given */
    uint64_t columns;               /* row.h: the values its row has */
    uint32_t row, row_size;         /* in rows: the values */
    uint32_t message, message_size; /* in texts: what is wrong with it */
    uint32_t review, review_size;   /* in texts: what it tells of a review session, if so */
    enum batch_verdict verdict;
    char sqlstate[6]; /* of BATCH_DATA */
    struct id owner;  /* of BATCH_CONFLICT and BATCH_DUPLICATE: the event that has the key */
    struct notice notice;
};

struct batch {
    struct id id;
    struct delivery_list deliveries;
    struct batch_event *events;                          /* owned */
    size_t event_count, event_room, review_count, newer; /* newer: see log_event */
    struct batch_key *keys; /* keys.h; owned; sorted by text, then event, once sealed */
    size_t key_count, key_room;
    struct buffer rows, texts;
    uint64_t columns;        /* that any row has a value for */
    struct feed_place place; /* the feed's own */
    bool again;              /* some of it may be stored already: a redelivery, or tried before */
    bool second;             /* in this try: second ids are claimed */
    bool failed;             /* out of memory: the deliveries go back */
};

struct batch *batch_create(void); /* NULL: no memory */
void batch_destroy(struct batch *b);
bool batch_renew(struct batch *b); /* as created, with its memory; false when that is too much */
void batch_add(struct batch *b, struct event_reader *reader, struct delivery *d); /* takes it */
void batch_seal(struct batch *b);
void batch_begin_try(struct batch *b); /* what the last try learned of keys may have changed */
size_t batch_count(const struct batch *b, enum batch_verdict verdict);
void batch_refuse(struct batch *b, struct batch_event *e, const char *sqlstate,
                  const char *message); /* -> BATCH_DATA, for good */

#endif
