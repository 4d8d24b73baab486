/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager in systemd's notification protocol: datagrams to $NOTIFY_SOCKET.
 * Without a service manager every function here does nothing. The protocol is promised to be
 * stable, and its authors advise programs to implement it rather than to link their library for it.
 */
#ifndef HOLDFAST_NET_NOTIFY_H
#define HOLDFAST_NET_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {          /* the caller's memory */
    int fd;              /* -1: no service manager */
    int64_t watchdog_ns; /* must hear from us this often; 0 = need not */
};

void notify_init(struct notify *n); /* from the environment; a faulty one is logged */
void notify_finish(struct notify *n);

/* One message, e.g. "READY=1\nSTATUS=ready". False: the manager's socket is full, try again; true
 * without a service manager. */
bool notify_send(const struct notify *n, const char *text);

bool notify_ready(const struct notify *n);
bool notify_alive(const struct notify *n);
bool notify_status(const struct notify *n, const char *text); /* controls in it become spaces */
void notify_reloading(const struct notify *n);                /* ends with notify_ready */
void notify_stopping(const struct notify *n);

#endif
