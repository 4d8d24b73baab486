/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names to addresses for libpq, which would block in getaddrinfo: "a,b" becomes the lists
 * `host` and `hostaddr` that it takes side by side, every address of every name. A folder (a Unix
 * socket) and a numeric address pass as they are.
 */
#ifndef HOLDFAST_PG_RESOLVE_H
#define HOLDFAST_PG_RESOLVE_H

#include "common/core/buffer.h"

struct loop;
struct resolve;

/* Both lists are lent for the call; NULL when no name could be resolved, then `reason` says why. */
typedef void (*resolve_fn)(void *arg, const char *hosts, const char *addresses, const char *reason);

/* `hosts` is copied. fn is called once, never from within; NULL when memory ran out. */
struct resolve *resolve_start(struct loop *loop, const char *hosts, resolve_fn fn, void *arg);
/* The list from its `skip`th element on, then those before it; with its NUL. */
void resolve_rotate(const char *list, size_t skip, struct buffer *out);

void resolve_abandon(struct resolve *r); /* fn will not be called; NULL is fine */

#endif
