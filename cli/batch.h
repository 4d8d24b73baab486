/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on their way to the producer, and where in the input each stood. */
#ifndef HOLDFAST_CLI_BATCH_H
#define HOLDFAST_CLI_BATCH_H

#include "common/core/buffer.h"

struct batch_line {
    size_t end;      /* of the line in the body, behind its \n */
    uint64_t number; /* in the input */
};

struct batch { /* all zero is empty; to be read by all */
    struct buffer body;
    struct batch_line *lines;
    size_t count, capacity;
};

void batch_clear(struct batch *b);
void batch_finish(struct batch *b);

/* The line that was appended to the body last; false when memory ran out. */
MUST_CHECK bool batch_add(struct batch *b, uint64_t number);

/* The bytes of the lines from..to-1. */
struct slice batch_slice(const struct batch *b, size_t from, size_t to);

#endif
