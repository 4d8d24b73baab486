/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/peer.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/net/conn.h"

/* An IPv4-mapped IPv6 address is written as the IPv4 address. */
static void format_v6(const struct sockaddr_in6 *a, char out[PEER_TEXT_SIZE])
{
    if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr))
        inet_ntop(AF_INET, a->sin6_addr.s6_addr + 12, out, PEER_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, &a->sin6_addr, out, PEER_TEXT_SIZE);
}

void peer_format(const struct call *c, char out[PEER_TEXT_SIZE])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof address;
    out[0] = '\0';
    if (c->conn == NULL || getpeername(conn_fd(c->conn), &address.any, &size) != 0)
        return;
    if (address.any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address.v4.sin_addr, out, PEER_TEXT_SIZE);
    else if (address.any.sa_family == AF_INET6)
        format_v6(&address.v6, out);
}
