/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets a server listens on: one for each address its host has, all with the same port. A
 * name such as localhost may have several, and a client takes whichever it likes. An address this
 * machine has not got is passed over while there is another.
 */
#ifndef HOLDFAST_NET_LISTENER_H
#define HOLDFAST_NET_LISTENER_H

#include "common/core/slice.h"

enum { LISTENER_ADDRESSES_MAX = 8 };

struct event_base;
struct listener;

struct listener_address {
    const char *host; /* numeric address or name; "" = every address */
    int port;         /* 0 = any free one */
    bool reuse_port;  /* several processes share the port */
};

struct listener_sockets { /* bound, not listening */
    int fd[LISTENER_ADDRESSES_MAX];
    size_t count;
    int port;
};

/* False: none can be had; errno says why. */
MUST_CHECK bool listener_bind(const struct listener_address *address, struct listener_sockets *out);
bool listener_is_free(const struct listener_address *address); /* no other program has it; errno */
void listener_close(struct listener_sockets *s);

struct listener_handler {
    bool (*make_room)(void *arg);         /* for one that waits; false: there is none now */
    bool (*has_room)(void *arg);          /* for another, without making it */
    void (*on_accept)(void *arg, int fd); /* takes fd */
    void (*on_error)(void *arg, int error);
    void *arg;
};

/* Takes the sockets, also when it fails; accepts at once. NULL: errno says why. */
struct listener *listener_create(struct event_base *base, struct listener_sockets *sockets,
                                 const struct listener_handler *handler);
void listener_destroy(struct listener *l);
void listener_set_accepting(struct listener *l, bool accepting);

/* Accepts whoever has connected already, while accepting: closing resets them. */
void listener_accept_waiting(struct listener *l);

#endif
