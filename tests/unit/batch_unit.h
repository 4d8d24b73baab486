/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as the tests of batch and writer need them. */
#ifndef HOLDFAST_TESTS_BATCH_UNIT_H
#define HOLDFAST_TESTS_BATCH_UNIT_H

#include "common/amqp/message.h"
#include "consumer/batch.h"

/* A line for event `n`; `more` is members with their commas, "" for none. */
static inline void unit_line(struct buffer *out, unsigned n, const char *more)
{
    buffer_printf(out,
                  "{\"id\":\"01a1fbad-2991-7001-a38f-%012x\",\"received_at\":"
                  "\"2025-11-21T01:16:32.018452Z\"%s,\"event_type\":\"t\",\"severity\":\"info\","
                  "\"routing_key\":\"events.t\",\"priority\":5,\"payload\":{\"n\":1}}\n",
                  n, more);
}

static inline struct link_delivery unit_message(struct slice body)
{
    return (struct link_delivery){.generation = 1,
                                  .content_type = SLICE(MESSAGE_CONTENT_TYPE),
                                  .type = SLICE(MESSAGE_TYPE),
                                  .message_id = SLICE("m"),
                                  .version = MESSAGE_VERSION,
                                  .body = body};
}

static inline struct event_reader *unit_reader(void)
{
    const struct gate_limits limits = {.depth = 32, .members = 1000, .digits = 100000};
    return event_reader_create(&limits);
}

#endif
