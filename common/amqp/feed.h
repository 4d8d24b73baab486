/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link without a socket, for tests and fuzzing: bytes of the broker are fed in, what the link
 * says lies in a buffer. A loss waits for the next feed_attach; the loop may but need not run.
 */
#ifndef HOLDFAST_AMQP_FEED_H
#define HOLDFAST_AMQP_FEED_H

#include "common/amqp/link.h"

struct evbuffer;

MUST_CHECK bool feed_attach(struct link *l); /* connects; the handshake begins */
void feed_bytes(struct link *l, const void *data, size_t size);
struct evbuffer *feed_said(struct link *l); /* lent */

#endif
