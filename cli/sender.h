/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the input to the producer over several lanes at once. A batch goes out when it is full or
 * when the input has nothing more to give at this moment: a slow pipe is not held up, a file is
 * read no faster than it is taken. With one lane the order of the input is kept.
 */
#ifndef HOLDFAST_CLI_SENDER_H
#define HOLDFAST_CLI_SENDER_H

#include "cli/input.h"
#include "cli/lane.h"

#define SENDER_LANES_MAX 64

struct sender_options { /* lent for the call */
    size_t batch_lines;
    unsigned lanes;         /* 1 to SENDER_LANES_MAX */
    const char *input_name; /* see identify.h */
    void (*on_progress)(const struct delivery *d, const struct input *in);
};

/* Until everything is settled or the delivery stops; what came of it stands in `d`. */
void sender_run(struct delivery *d, struct input *in, const struct sender_options *options);

#endif
