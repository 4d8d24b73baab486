/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server: each connection behind a guard (guard.h). Connections, the bytes of bodies
 * and the work of a turn of the loop are bounded; a request must be complete in time. A new
 * connection above the limit takes the place of another one (conns_shed).
 *
 * Life: create starts to listen. drain accepts the connections already made and no others; it
 * answers requests under way, and those of the next half second, with `Connection: close`, and
 * calls back when the last answer is sent. Before destroy every call has been answered; destroy
 * closes all connections.
 */
#ifndef HOLDFAST_NET_SERVER_H
#define HOLDFAST_NET_SERVER_H

#include "common/net/listener.h"
#include "common/net/router.h"

struct loop;
struct server;

struct server_options {
    const char *host; /* numeric address or name; "" = every address */
    int port;         /* 0 = any free one */
    bool reuse_port;  /* several processes share the port */
    size_t max_body_bytes;
    size_t max_connections;
    int64_t request_timeout_ns; /* from the first byte of a request to its last */
    int64_t idle_timeout_ns;    /* between requests; whole seconds, told to clients */
    int share_percent;          /* of the loop's time; 0 = all */
};

/* Takes the port for this process and those it forks, which all listen with reuse_port; holds it
 * until listener_close. False: it cannot be had; errno says why. */
MUST_CHECK bool server_reserve(const struct server_options *options, struct listener_sockets *out);

/* NULL: the address cannot be had; errno says why. The router is lent. */
struct server *server_create(struct loop *loop, const struct server_options *options,
                             struct router *router);
int server_port(const struct server *s);
const char *server_mend(int error); /* what an operator can do about it */

/* fn is called once, from the loop, when the last answer has left. No request is handled after. */
void server_drain(struct server *s, void (*fn)(void *arg), void *arg);
void server_destroy(struct server *s);

#endif
