/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker made of bytes: a link without a socket, what the broker says fed in, what the link says
 * and tells its owner written down as words to compare.
 */
#ifndef HOLDFAST_TESTS_FAKE_BROKER_H
#define HOLDFAST_TESTS_FAKE_BROKER_H

#include "common/amqp/link.h"
#include "common/amqp/wire.h"

struct fake {
    struct loop *loop;
    struct link *link;
    size_t chunk;      /* bytes fed at once; 0 = all */
    char events[8192]; /* what the owner was told: "ready(1) acked(1) " */
    char said[8192];
    void (*on_event)(struct fake *f, const char *event); /* may act; NULL = only written down */
    bool destroyed;                                      /* by on_event */
};

void fake_init(struct fake *f);
void fake_finish(struct fake *f);

void fake_attach(struct fake *f);
void fake_open(struct fake *f);    /* handshake until ready; forgets events and words */
void fake_confirm(struct fake *f); /* fake_open, with confirms selected */

void fake_bytes(struct fake *f, const void *data, size_t size);
void fake_method(struct fake *f, uint32_t method, void *fields);
/* Header and body frames of at most `piece` bytes. */
void fake_content(struct fake *f, const struct link_message *m, size_t piece);
void fake_deliver(struct fake *f, uint64_t tag, const struct link_message *m, size_t piece);
void fake_ack(struct fake *f, uint64_t tag, bool multiple);
void fake_nack(struct fake *f, uint64_t tag, bool multiple);
void fake_close_channel(struct fake *f, uint16_t code, const char *text, uint32_t method);
void fake_close(struct fake *f, uint16_t code, const char *text);

void fake_turn(struct fake *f);          /* one turn of the loop, without waiting */
void fake_timer(struct fake *f);         /* the deadline of the state is over */
const char *fake_events(struct fake *f); /* since the last look */
const char *fake_said(struct fake *f);   /* method names since the last look */
void fake_answer(void *arg, const struct link_answer *answer); /* an event: "ok " or "no(…) " */

#endif
