/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event made of options: `-t deploy_started -p version=1.4.2 --tag blue`. The table gives
 * the options, their help and where each value goes in the JSON object. Pure.
 */
#ifndef HOLDFAST_CLI_DRAFT_H
#define HOLDFAST_CLI_DRAFT_H

#include "cli/options.h"
#include "common/json/gate.h"
#include "schema/event_options.h"

enum draft_option {
    DRAFT_NONE,
#define X(symbol, option, letter, field, value, help) DRAFT_##symbol,
    EVENT_OPTIONS(X)
#undef X
        DRAFT_END
};

struct draft {             /* all zero is an empty one */
    bool has[DRAFT_END];   /* which options were given */
    struct buffer members; /* of the event: `"a":1,"b":2` */
    struct buffer payload, tags;
};

void draft_finish(struct draft *d);

/* False with a text in out_fault when the value cannot be taken. */
MUST_CHECK bool draft_set(struct draft *d, struct gate *gate, const struct options_found *option,
                          char out_fault[256]);

bool draft_is_empty(const struct draft *d);

/* The event as a line; false with a text in out_fault when it lacks its type or is not UTF-8. */
MUST_CHECK bool draft_write(struct draft *d, struct gate *gate, struct buffer *out,
                            char out_fault[256]);

#endif
