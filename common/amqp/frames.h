/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in.
 */
#ifndef HOLDFAST_AMQP_FRAMES_H
#define HOLDFAST_AMQP_FRAMES_H

struct link;

void frames_read(struct link *l); /* all whole frames of the input */

#endif
