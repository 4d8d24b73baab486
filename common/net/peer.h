/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a call. */
#ifndef HOLDFAST_NET_PEER_H
#define HOLDFAST_NET_PEER_H

#include "common/net/call.h"

enum { PEER_TEXT_SIZE = 46 }; /* an IPv6 address with its NUL */

/* Its address as text; "" when the client is gone. */
void peer_format(const struct call *c, char out[PEER_TEXT_SIZE]);

#endif
