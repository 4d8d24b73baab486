/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives a line of input the event_id it lacks: the SHA-256 of the input's name, the line's number
 * and its bytes, cut to a UUIDv8. The same file sent again then adds nothing, wherever the first
 * time ended, while two equal lines of one file stay two events. Pure.
 */
#ifndef HOLDFAST_CLI_IDENTIFY_H
#define HOLDFAST_CLI_IDENTIFY_H

#include "common/core/id.h"
#include "common/json/gate.h"

struct buffer;

struct identify_line {
    const char *input_name; /* lines of inputs with different names are different events */
    uint64_t number;        /* from 1 */
    struct slice text;      /* without its end */
};

void identify_make(const struct identify_line *line, char out_id[ID_TEXT_SIZE + 1]);

/*
 * Appends the line with its id and a \n. False, with the verdict and nothing appended, when it is
 * not JSON; something other than an object is appended as it is, for the server to judge.
 */
MUST_CHECK bool identify_add(struct gate *gate, const struct identify_line *line,
                             struct buffer *out, struct gate_verdict *out_verdict);

#endif
