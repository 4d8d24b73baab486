/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims of a batch on event_ids. Within a try the first event of each text claims it; when the
 * database says that the key is another's, all events of the text are judged by that one.
 */
#ifndef HOLDFAST_CONSUMER_KEYS_H
#define HOLDFAST_CONSUMER_KEYS_H

#include "common/base/digest.h"
#include "consumer/batch.h"

/* The claim of an event on its event_id. */
struct batch_key {
    uint32_t event;              /* index in events */
    size_t text, size;           /* in texts */
    uint8_t digest[DIGEST_SIZE]; /* of what the client said */
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

#endif
