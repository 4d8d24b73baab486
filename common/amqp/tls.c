/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context is made anew for each connection: connections are rare, and a renewed authority file
 * then counts without a restart.
 */
#include "common/amqp/tls.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool expect(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool trust(SSL_CTX *context, const char *ca_file)
{
    if (ca_file[0] == '\0')
        return SSL_CTX_set_default_verify_paths(context) == 1;
    return SSL_CTX_load_verify_file(context, ca_file) == 1;
}

static const char *words_of(unsigned long error)
{
    if (ERR_SYSTEM_ERROR(error))
        return strerror(ERR_GET_REASON(error));
    return ERR_reason_error_string(error);
}

SSL *tls_open(const char *ca_file, const char *host, char *why, size_t why_size)
{
    SSL *ssl = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    ERR_clear_error();
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        snprintf(why, why_size, "TLS cannot be set up");
    } else if (!trust(context, ca_file)) {
        const char *reason = words_of(ERR_peek_error());
        snprintf(why, why_size, "authorities in '%s' cannot be read: %s", ca_file,
                 reason != NULL ? reason : "unknown reason");
    } else {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        ssl = SSL_new(context);
        if (ssl == NULL || !expect(ssl, host)) {
            snprintf(why, why_size, "TLS cannot be set up for '%s'", host);
            SSL_free(ssl);
            ssl = NULL;
        }
    }
    ERR_clear_error();
    SSL_CTX_free(context);
    return ssl;
}

const char *tls_reason(SSL *ssl, unsigned long error)
{
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return words_of(error);
}
