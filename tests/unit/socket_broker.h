/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener in the loop of the test that knows the handshake of AMQP and nothing else, and a link
 * to it. loop_run returns when the link becomes ready or is closed; a test that waits longer than
 * 20 s fails.
 */
#ifndef HOLDFAST_TESTS_SOCKET_BROKER_H
#define HOLDFAST_TESTS_SOCKET_BROKER_H

#include <openssl/ssl.h>

#include "common/amqp/wire.h"

struct broker {
    struct loop *loop;
    SSL_CTX *tls; /* lent; NULL = plain */
    struct evconnlistener *listener;
    struct bufferevent *peer; /* the last connection; NULL after its end */
    struct event *deadline;
    struct wire wire;
    int port;
    bool started; /* the 8 bytes of the client's start came */
    unsigned accepted, goodbyes;

    struct link *link;
    unsigned ready, lost, confirmed;
    char reason[256];
    char hosts[128];
};

/* The last of the hosts gets the port of the broker. With tls, the link trusts ca_file. */
void broker_init(struct broker *b, const char *hosts, SSL_CTX *tls, const char *ca_file);
void broker_finish(struct broker *b);
void broker_listen(struct broker *b, int port); /* 0 = any; after the listener was freed */
void broker_reply(struct broker *b, uint32_t method, void *fields);

#endif
