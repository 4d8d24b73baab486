/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane takes one batch at a time to the producer and does not let go of it: it waits out 429 and
 * 503, asks for the good ones of a batch with faulty lines (?partial=true), halves what is too big,
 * until each line was taken or refused - or the delivery stops. Lanes do not block: the owner waits
 * with http_client_wait.
 *
 * Trying again is harmless because every line has its event_id.
 */
#ifndef HOLDFAST_CLI_LANE_H
#define HOLDFAST_CLI_LANE_H

#include "cli/batch.h"
#include "cli/http.h"

/* What the lanes of one run share. */
struct delivery {
    struct http_client *http; /* lent */
    const char *url;          /* lent */
    int64_t patience_ns;      /* give up when no line was settled for so long */
    void (*on_refused)(uint64_t number, const char *text); /* a fault of this line of the input */
    uint64_t accepted, refused;                            /* lines */
    int64_t settled_ns; /* when a line was accepted or refused last */
    int exit_code;      /* CLI_OK, or why the delivery stops; lanes then do nothing more */
    char reason[640];   /* of stopping, or of the present waiting; "" at first */
    char event_id[256]; /* of the last event that was alone in its request */
};

void delivery_start(struct delivery *d); /* client to callback are set; sets the rest */
void delivery_refuse(struct delivery *d, uint64_t number, const char *text);

struct lane;

struct lane *lane_create(struct delivery *d); /* lends d; NULL: no memory */
void lane_destroy(struct lane *l);

bool lane_is_idle(const struct lane *l);
struct batch *lane_batch(struct lane *l);   /* of an idle lane, to be filled */
void lane_start(struct lane *l);            /* with at least one line in its batch */
void lane_advance(struct lane *l);          /* does what can be done without waiting */
int64_t lane_wake_ns(const struct lane *l); /* when to advance at the latest */

/* What to do with an answer. */
enum lane_verdict {
    LANE_TAKEN,   /* all of them */
    LANE_MIXED,   /* a status per line */
    LANE_PARTLY,  /* ask for the good ones */
    LANE_HALVE,   /* send half */
    LANE_REFUSED, /* this one line */
    LANE_LATER,   /* the same again, after a while */
    LANE_STOP,
};
enum lane_verdict lane_judge(int status, size_t lines, bool partial);

#endif
