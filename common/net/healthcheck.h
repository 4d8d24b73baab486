/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --healthcheck does: asks the daemon of the same settings for /livez, on the address it
 * listens on, or on loopback when that is every address.
 *
 * It is about the process and nothing else. A broker or database that is away does not make it
 * fail: a program that restarts containers by it would only take the waiting daemons down too.
 */
#ifndef HOLDFAST_NET_HEALTHCHECK_H
#define HOLDFAST_NET_HEALTHCHECK_H

/* 0: it answers. 1: it does not, within two seconds; one line on stderr says why. Ends the process
 * itself when the time is over. Not for a daemon: it blocks. */
int healthcheck(const char *name, const char *host, int port);

#endif
