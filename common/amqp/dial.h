/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a host name to a connected socket.
 */
#ifndef HOLDFAST_AMQP_DIAL_H
#define HOLDFAST_AMQP_DIAL_H

struct link;

void dial_start(struct link *l);   /* in RESOLVING; goes on to GREETING or drops */
void dial_stop(struct link *l);    /* harmless when none */
void dial_overdue(struct link *l); /* next time begin with another address */

#endif
