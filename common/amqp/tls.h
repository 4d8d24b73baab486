/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards the broker: 1.2 or newer, certificate and host name verified.
 */
#ifndef HOLDFAST_AMQP_TLS_H
#define HOLDFAST_AMQP_TLS_H

#include <stddef.h>

#include <openssl/ssl.h>

/* A client session that wants `host` (a name or an address) proved by a certificate under ca_file,
 * or under the system's authorities when that is "". The caller owns it. NULL: see `why`. */
SSL *tls_open(const char *ca_file, const char *host, char *why, size_t why_size);

/* Why the peer's certificate was refused, or what OpenSSL said under `error`; NULL: the fault is
 * not TLS's, the socket broke. */
const char *tls_reason(SSL *ssl, unsigned long error);

#endif
