/* SPDX-License-Identifier: Apache-2.0 */
/* The trace context of a request (W3C traceparent), as JSON strings. */
#ifndef HOLDFAST_PRODUCER_TRACE_H
#define HOLDFAST_PRODUCER_TRACE_H

#include "common/core/slice.h"

struct trace {
    struct slice trace_id, span_id; /* in the texts below; data NULL = none */
    char trace_text[34], span_text[18];
};

/* A header that is not as it should be is as none: that is what its specification asks for. */
void trace_read(struct slice traceparent, struct trace *out);

#endif
