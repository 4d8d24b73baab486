/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions the broker has not answered yet.
 */
#ifndef HOLDFAST_AMQP_CALLS_H
#define HOLDFAST_AMQP_CALLS_H

#include "common/amqp/link.h"

struct wire_frame;

MUST_CHECK bool calls_answer(struct link *l, const struct wire_frame *f); /* false: nobody asked */
/* The call that `method` made gets the refusal, the others hear that the link was lost. */
void calls_fail(struct link *l, const struct link_answer *refusal, uint32_t method);
void calls_drop(struct link *l);                         /* in silence */
bool calls_asked(const struct link *l, uint32_t method); /* waits for an answer */
bool calls_overdue(const struct link *l, int64_t now_ns);

#endif
