/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside common/net: one client connection and the exchange on it. A guard reads a request off the
 * connection's bytes, the router's handler answers it, the next request is read: one at a time, in
 * order. What a client pipelines behind the present request waits in the socket's buffers, and for
 * its turn: those who ask one thing at a time are served at once, the others share what is left.
 */
#ifndef HOLDFAST_NET_CONN_H
#define HOLDFAST_NET_CONN_H

#include "common/net/call_private.h"

struct conn;

/* Every state has a deadline but ASKED, which is the handler's to end. */
enum conn_state {
    CONN_IDLE,      /* no byte of a request has come; ended by bytes or after the idle timeout */
    CONN_READING,   /* a part of one has; ended by the rest or after the request timeout, 408 */
    CONN_ASKED,     /* a handler has the call; ended by its answer */
    CONN_ANSWERING, /* the answer is on its way; ended by the socket or after the request timeout */
    CONN_LINGERING, /* the last answer has left; ended by the client's close or in time */
};

int conn_fd(const struct conn *c); /* lent */

#endif
