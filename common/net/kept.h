/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside common/net: the last answer of a route that answers every client alike. Of each tenth of a
 * second, a millisecond may go into making answers; for the rest of it the last one is sent again.
 * So only a flood of requests gets old answers, cheaply.
 */
#ifndef HOLDFAST_NET_KEPT_H
#define HOLDFAST_NET_KEPT_H

#include "common/core/buffer.h"

struct call;
struct reply;

struct kept { /* all zero: nothing yet */
    int64_t window_ns, spent_ns;
    int status;
    const char *content_type;
    struct buffer body;
    bool is_there;
};

void kept_finish(struct kept *k);
bool kept_answer(struct kept *k, struct call *c); /* false: it is to be made */
void kept_store(struct kept *k, const struct call *c, const struct reply *r); /* it was, */
void kept_end(struct kept *k, int64_t began_ns);                              /* in that time */

#endif
