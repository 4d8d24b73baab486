/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims of a batch on event_ids. Within a try the first event with a text claims it; when the
 * database says that the key belongs to another event, all events with the text are compared with
 * that one.
 *
 * An event may have a second id. That is claimed after the first ids, and only for events that got
 * their first: a conflict goes to quarantine and must not claim an id under which the same event
 * may be sent again. So these claims are not made in the common order of all sessions: two sessions
 * may deadlock, PostgreSQL ends one, and its batch is tried again.
 */
#ifndef HOLDFAST_CONSUMER_KEYS_H
#define HOLDFAST_CONSUMER_KEYS_H

#include "common/core/digest.h"
#include "consumer/batch.h"

/*
 * What tells a repetition from another event: half a digest of the fields of the line, and half a
 * digest of what the client said. Either half proves a repetition: the line is the same though it
 * was said in other words, or the same was said though the catalogue made another line of it. A
 * line without `said` has the second half of the first digest there, which equals its like only.
 */
struct batch_said {
    uint8_t digest[DIGEST_SIZE];
};

struct batch_said batch_said(const struct log_event *e, struct slice line);

/* The claim of an event on an id. */
struct batch_key {
    uint32_t event;              /* index in events */
    size_t text, size;           /* in texts */
    uint8_t digest[DIGEST_SIZE]; /* as in batch_said */
    bool second;                 /* not its event_id but the other id it goes by */
    bool weak;   /* made from the body alone: a twin may be another event; see batch.c */
    bool twin;   /* it is: stored without a claim */
    bool claims; /* in this try: it is the one of its text to ask for the key */
    bool won;    /* in this try: the key is its own */
};

struct slice batch_key_text(const struct batch *b, const struct batch_key *k);
struct batch_key *batch_find_claim(struct batch *b, struct slice text); /* NULL: nobody claims it */
/* The database says that the key is taken, by `id` with `digest`. */
void batch_key_taken(struct batch *b, struct batch_key *claim, const struct id *id,
                     const uint8_t *digest);

/* Once in a try, when all claims are settled: claims second ids. False: there is none to ask for.
 */
bool batch_claim_second(struct batch *b);

#endif
