/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether events are accepted: an operator may pause that. All workers have one state, in memory
 * they share from before they fork; it ends with the last of them, so a producer that is restarted
 * accepts events.
 */
#ifndef HOLDFAST_PRODUCER_PAUSE_H
#define HOLDFAST_PRODUCER_PAUSE_H

#include "common/core/slice.h"

enum { PAUSE_REASON_SIZE = 256 }; /* with its NUL */

struct pause;

struct pause_state {
    bool paused;
    int64_t since_us; /* 0: from the start */
    uint64_t turn;
    char reason[PAUSE_REASON_SIZE];
};

struct pause *pause_create(unsigned workers); /* before they fork; NULL: no memory */
void pause_destroy(struct pause *p);

bool pause_is_on(const struct pause *p);
struct pause_state pause_state(const struct pause *p);

/* A change takes its turn when it is asked for; once it is set, one of an earlier turn is not. */
uint64_t pause_take_turn(struct pause *p);
void pause_set(struct pause *p, unsigned worker, const struct pause_state *state);

#endif
