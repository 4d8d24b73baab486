/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_listed(const char *list, struct slice origin)
{
    for (const char *p = list; *p != 0;) {
        const size_t size = strcspn(p, ",");
        const struct slice entry = slice_trim((struct slice){p, size});
        if (slice_equals(entry, SLICE("*")) || slice_equals_nocase(entry, origin))
            return true;
        p += p[size] == ',' ? size + 1 : size;
    }
    return false;
}

static bool starts_with(struct slice s, struct slice start)
{
    return s.size > start.size && slice_equals_nocase((struct slice){s.data, start.size}, start);
}

static struct slice behind_scheme(struct slice origin)
{
    const struct slice schemes[] = {SLICE("http://"), SLICE("https://")};
    for (size_t i = 0; i < 2; i++) {
        if (starts_with(origin, schemes[i]))
            return (struct slice){origin.data + schemes[i].size, origin.size - schemes[i].size};
    }
    return (struct slice){0};
}

/* Of "host:port"; an IPv6 address stands in brackets. */
static struct slice host_of(struct slice authority)
{
    const char *end = memchr(authority.data, authority.data[0] == '[' ? ']' : ':', authority.size);
    return (struct slice){authority.data,
                          end != NULL ? (size_t)(end - authority.data) : authority.size};
}

/* No owner of a name can lead it here. */
static bool is_fixed(struct slice host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    if (host.data[0] == '[' || slice_equals_nocase(host, SLICE("localhost")))
        return true;
    snprintf(text, sizeof text, "%.*s", SLICE_ARGS(host));
    return host.size < sizeof text && inet_pton(AF_INET, text, &address) == 1;
}

bool origin_may_write(const struct call *c, const char *others)
{
    const struct slice origin = call_header(c, "origin"), site = call_header(c, "sec-fetch-site");
    const struct slice host = call_header(c, "host");
    if (origin.data != NULL && is_listed(others, origin))
        return true;
    if (site.data != NULL)
        return slice_equals(site, SLICE("same-origin")) || slice_equals(site, SLICE("none"));
    return origin.data == NULL ||
           (host.size > 0 && slice_equals_nocase(behind_scheme(origin), host) &&
            is_fixed(host_of(host)));
}
