/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link that stands in for common/amqp/link.c in a test's executable: one at a time, what it is
 * asked and given to publish is written down, and the test answers.
 */
#ifndef HOLDFAST_TESTS_FAKE_LINK_H
#define HOLDFAST_TESTS_FAKE_LINK_H

#include "common/amqp/link.h"

struct link {
    struct link_handler handler;
    void *arg;
    bool ready, blocked;
    uint64_t tag;
    size_t room; /* publishes before memory runs out */
    link_answer_fn answer;
    void *answer_arg;
    char said[32768];
};

extern struct link the_link;

const char *fake_link_said(
    void); /* since the last look: "declare(x) ?key/type/priority/id ": ? is mandatory */
void fake_link_come_up(void);
void fake_link_answer(bool ok, int code); /* to the last call */
void fake_link_open(void);                /* comes up, and both calls are answered */
void fake_link_lose(void);
void fake_link_confirm(uint64_t tag, enum link_outcome outcome);

#endif
