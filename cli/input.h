/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines from a file or a pipe in constant memory. input_fill reads once (wait with poll before, so
 * that a slow pipe holds nothing up), input_next takes whole lines out of what was read.
 */
#ifndef HOLDFAST_CLI_INPUT_H
#define HOLDFAST_CLI_INPUT_H

#include "common/core/buffer.h"

/* The most a line may have; the server's own limit is far lower by default. */
#define INPUT_LINE_MAX ((size_t)16 << 20)

struct input {
    int fd;                /* lent */
    uint64_t line_number;  /* of the line taken last, from 1 */
    uint64_t size;         /* of a regular file; 0 = not known */
    uint64_t taken;        /* bytes of the lines taken so far */
    bool ended;            /* nothing more will come */
    struct buffer pending; /* private from here on */
    size_t start;          /* of what is not taken yet in pending */
    size_t searched;       /* no newline before this place in pending */
    bool dropping;         /* inside a line that is too long */
};

enum input_kind {
    INPUT_LINE,
    INPUT_TOO_LONG, /* a line longer than INPUT_LINE_MAX was passed over */
    INPUT_WAIT,     /* no whole line there: fill again */
    INPUT_END,
};

void input_init(struct input *in, int fd);
void input_finish(struct input *in);

MUST_CHECK bool input_fill(struct input *in); /* false with errno set when reading failed */
/* Blank lines are passed over, but counted. The line is lent until the next fill. */
enum input_kind input_next(struct input *in, struct slice *out_line);

#endif
