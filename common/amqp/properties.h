/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few properties of a delivered message that matter here, read in place from their encoding.
 */
#ifndef HOLDFAST_AMQP_PROPERTIES_H
#define HOLDFAST_AMQP_PROPERTIES_H

#include "common/core/slice.h"

struct properties {
    /* Lent from the encoding; data NULL: absent. */
    struct slice content_type, message_id, type, reply_to, correlation_id;
    int64_t version; /* header holdfast-version; 0: absent */
};

/* False: cut short. Unknown or odd headers are no fault: they are other people's. */
MUST_CHECK bool properties_read(struct slice encoded, struct properties *out);

#endif
