/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a page in somebody's browser stands behind a request, and which. Browsers say so in
 * Origin and Sec-Fetch-Site, which no script can leave out or make up; other clients send neither
 * and are not asked.
 *
 * A page of this server's own origin may write. Sec-Fetch-Site says that it is one, but only where
 * the address can be trusted (https, loopback). Elsewhere Origin must be Host, and Host an address
 * or localhost: of a name, whoever owns it decides to which machine it leads, and when.
 */
#ifndef HOLDFAST_NET_ORIGIN_H
#define HOLDFAST_NET_ORIGIN_H

#include "common/net/call.h"

/* `others`: origins that may as well, a comma list, or "*" for all. */
bool origin_may_write(const struct call *c, const char *others);

#endif
