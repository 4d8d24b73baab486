/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http_url.h"

#include <stdio.h>
#include <string.h>

static bool fail(const char **out_fault, const char *text)
{
    *out_fault = text;
    return false;
}

static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((unsigned char)s.data[i] <= ' ' || (unsigned char)s.data[i] >= 0x7f ||
            strchr("@?#\\\"<>", s.data[i]))
            return false;
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool split_authority(struct slice authority, struct slice *out_host, struct slice *out_port)
{
    const char *end = authority.data + authority.size;
    const char *host = authority.data, *host_end, *rest;
    if (authority.size > 0 && *host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return false;
        rest = host_end + 1;
    } else {
        host_end = memchr(host, ':', authority.size);
        host_end = host_end ? host_end : end;
        rest = host_end;
    }
    *out_host = (struct slice){host, (size_t)(host_end - host)};
    *out_port = SLICE("80");
    if (rest < end) {
        if (*rest != ':')
            return false;
        *out_port = (struct slice){rest + 1, (size_t)(end - rest - 1)};
    }
    return out_host->size > 0;
}

bool http_url_parse(const char *text, struct http_url *out, const char **out_fault)
{
    struct slice host, port;
    uint64_t number;
    if (strncmp(text, "https://", 8) == 0)
        return fail(out_fault, "https is not spoken here; reach the producer over http://");
    if (strncmp(text, "http://", 7) != 0)
        return fail(out_fault, "an address starts with http://");
    const char *start = text + 7;
    const struct slice authority = {start, strcspn(start, "/")};
    struct slice prefix = slice_of(start + authority.size);
    while (prefix.size > 0 && prefix.data[prefix.size - 1] == '/')
        prefix.size--;
    if (!is_clean(authority) || !is_clean(prefix))
        return fail(out_fault, "an address is http://HOST:PORT, without user, query or blanks");
    if (!split_authority(authority, &host, &port))
        return fail(out_fault, "the address names no host");
    if (!slice_to_u64(port, 65535, &number) || number == 0)
        return fail(out_fault, "the port is not a number from 1 to 65535");
    if (host.size >= sizeof out->host || authority.size >= sizeof out->authority ||
        prefix.size >= sizeof out->prefix)
        return fail(out_fault, "the address is too long");
    snprintf(out->host, sizeof out->host, "%.*s", SLICE_ARGS(host));
    snprintf(out->port, sizeof out->port, "%u", (unsigned)number);
    snprintf(out->authority, sizeof out->authority, "%.*s", SLICE_ARGS(authority));
    snprintf(out->prefix, sizeof out->prefix, "%.*s", SLICE_ARGS(prefix));
    return true;
}
