/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one request off a byte stream: the head strictly, the body by its Content-Length or in
 * chunks, both within bounds. The result is a good request or a fault; behind a fault nothing on
 * that connection can be trusted.
 *
 * A guard is embedded in the object that reads a request; one is used for many requests, one after
 * another.
 */
#ifndef HOLDFAST_NET_GUARD_H
#define HOLDFAST_NET_GUARD_H

#include "common/core/buffer.h"
#include "common/net/chunks.h"
#include "common/net/head.h"

struct evbuffer;

struct guard_budget {      /* shared by all guards of a server */
    size_t body_bytes_max; /* of one body */
    size_t small_bytes;    /* bodies up to this size are not counted: many of them must not be kept
                            * out by a few big ones, and connections are bounded */
    size_t held_bytes_max; /* of the other bodies of all requests at once */
    size_t held_bytes;
};

enum guard_phase {
    GUARD_HEAD,    /* the head is not complete */
    GUARD_BODY,    /* the head is good, the body is not complete */
    GUARD_DISCARD, /* the body is too large: its bytes are dropped so that the answer is read */
    GUARD_DONE,    /* look at fault.status: 0 is a good request */
};

struct guard {
    struct guard_budget *budget; /* lent */
    enum guard_phase phase;
    struct head head; /* from GUARD_BODY on; lies in text */
    struct head_fault fault;
    struct buffer text, body;
    struct head_scanner scanner;
    uint64_t left;        /* bytes of the body still to come, */
    struct chunks chunks; /* or where in its chunks it stands */
    size_t held;          /* of the budget */
};

void guard_init(struct guard *g, struct guard_budget *budget);
void guard_finish(struct guard *g);
void guard_clear(struct guard *g); /* ready for the next request; gives large memory back */
void guard_drop_body(struct guard *g);

/* Takes what belongs to this request off the front of `bytes`; false when it needs more. */
bool guard_feed(struct guard *g, struct evbuffer *bytes);

/* The client took too long, or there is no room: done, with that fault. */
void guard_refuse(struct guard *g, const struct head_fault *fault);

#endif
