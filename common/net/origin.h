/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request comes from a web page, and of which origin. Browsers name the origin in Origin
 * and Sec-Fetch-Site, which no script can remove or forge; other clients send neither and are not
 * checked.
 *
 * A page of this server's own origin may write. Sec-Fetch-Site identifies it, but only where the
 * address can be trusted (https, loopback). Elsewhere Origin must equal Host, and Host must be an
 * address or localhost: the owner of a name can point it to any machine at any time.
 */
#ifndef HOLDFAST_NET_ORIGIN_H
#define HOLDFAST_NET_ORIGIN_H

#include "common/net/call.h"

/* `others`: further origins that may write, comma-separated, or "*" for all. */
bool origin_may_write(const struct call *c, const char *others);

#endif
