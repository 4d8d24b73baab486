/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the open message of a lane is kept for lines that are about to come.
 *
 * A confirm answers many clients at once, and one that sends event after event has its next request
 * here within GATHERING_NS_EACH a client: the time to write an answer, for the client to read it
 * and to send, and to read that. A message that leaves before they are all there leaves again and
 * again, small; and for the broker the price is the message, a third of a millisecond, and hardly
 * its lines. So the message waits for as many requests as were answered, that long at most: next
 * to nothing after a few answers, which is the usual case of independent clients, and two
 * milliseconds after the most.
 *
 * Besides, a message is kept while each look finds more in it: requests that come together are read
 * over several rounds of the loop. GATHERING_NS_MAX bounds either.
 */
#ifndef HOLDFAST_PRODUCER_GATHERING_H
#define HOLDFAST_PRODUCER_GATHERING_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/clock.h"

#define GATHERING_NS_EACH (30 * CLOCK_MS / 1000)
#define GATHERING_NS_MAX  (2 * CLOCK_MS)

enum { GATHERING_ENDS = -1 };

/* Of one lane; all zero at first. */
struct gathering {
    size_t due;       /* requests answered, and not followed by another one */
    int64_t until_ns; /* that is waited for */
    size_t seen;      /* events at the last look; 0 before the first */
    int64_t begun_ns; /* the first look */
};

void gathering_answered(struct gathering *g, size_t requests, int64_t now_ns);
void gathering_came(struct gathering *g); /* another request */

/* At a message of so many events, not none: nanoseconds until the next look, 0 for one after the
 * loop's next round, or GATHERING_ENDS. */
int64_t gathering_look(struct gathering *g, size_t events, int64_t now_ns);

void gathering_end(struct gathering *g); /* the message has left */

#endif
