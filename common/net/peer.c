/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/peer.h"

#include <string.h>

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/net/conn.h"

/* An IPv4 address in IPv6's clothes is given as what it is. */
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

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool names_loopback(struct slice host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct slice name = slice_of(names[i]);
        if (host.size < name.size ||
            !slice_equals_nocase((struct slice){host.data, name.size}, name))
            continue;
        if (host.size == name.size || host.data[name.size] == ':')
            return true;
    }
    return false;
}

bool peer_is_this_machine(const struct call *c)
{
    static const char *const of_proxies[] = {"forwarded", "via", "x-forwarded-for", "x-real-ip"};
    char address[PEER_TEXT_SIZE];
    peer_format(c, address);
    for (size_t i = 0; i < sizeof of_proxies / sizeof of_proxies[0]; i++) {
        if (call_header_count(c, of_proxies[i]) > 0)
            return false;
    }
    return is_loopback(address) && names_loopback(call_header(c, "host"));
}
