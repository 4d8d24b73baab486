/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection and its one channel, until both are open.
 */
#ifndef HOLDFAST_AMQP_HANDSHAKE_H
#define HOLDFAST_AMQP_HANDSHAKE_H

struct link;
struct wire_frame;

void handshake_start(struct link *l); /* connected; the first word is ours */
void handshake_method(struct link *l, const struct wire_frame *f); /* on channel 0 */
void handshake_open_channel(struct link *l);

#endif
