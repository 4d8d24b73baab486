/* SPDX-License-Identifier: Apache-2.0 */
/* The link over TLS: whom it trusts. Certificates are made on the spot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/amqp/link.h"
#include "common/net/loop.h"
#include "tests/unit/socket_broker.h"
#include "tests/unit/unit.h"

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char path[64]; /* of the certificate */
};

static X509 *make_certificate(const char *name, EVP_PKEY *key)
{
    static long serial = 1;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    return x;
}

static void extend(X509 *x, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    assert_non_null(extension);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
}

static void authority_init(struct authority *a)
{
    a->key = EVP_EC_gen("P-256");
    a->certificate = make_certificate("authority", a->key);
    extend(a->certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_set_issuer_name(a->certificate, X509_get_subject_name(a->certificate));
    assert_true(X509_sign(a->certificate, a->key, EVP_sha256()) > 0);
    const char *folder = getenv("TMPDIR");
    snprintf(a->path, sizeof a->path, "%s/authority-XXXXXX", folder != NULL ? folder : "/tmp");
    FILE *f = fdopen(mkstemp(a->path), "w");
    assert_non_null(f);
    PEM_write_X509(f, a->certificate);
    fclose(f);
}

static void authority_finish(struct authority *a)
{
    unlink(a->path);
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
}

/* A server's context with a certificate for `names` by the authority. */
static SSL_CTX *serve(const struct authority *a, const char *names)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_certificate("broker", key);
    extend(x, NID_subject_alt_name, names);
    X509_set_issuer_name(x, X509_get_subject_name(a->certificate));
    assert_true(X509_sign(x, a->key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
    return context;
}

struct scene {
    struct authority ours, other;
    struct broker b;
};

static void run_until_reason(struct broker *b)
{
    while (!link_is_ready(b->link) && strcmp(link_reason(b->link), "not connected yet") == 0)
        event_base_loop(loop_base(b->loop), EVLOOP_ONCE);
}

/* What comes of a broker with `names` in its certificate and at most `version`, called `host`. */
static void expect(const char *host, const char *names, long version, const char *reason)
{
    struct scene s;
    authority_init(&s.ours);
    SSL_CTX *context = serve(&s.ours, names);
    if (version != 0) {
        SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_min_proto_version(context, 0);
        SSL_CTX_set_max_proto_version(context, (int)version);
    }
    broker_init(&s.b, host, context, s.ours.path);
    run_until_reason(&s.b);
    assert_non_null(strstr(link_reason(s.b.link), reason));
    broker_finish(&s.b);
    SSL_CTX_free(context);
    authority_finish(&s.ours);
}

static void the_right_name_is_trusted(void **state)
{
    (void)state;
    expect("localhost", "DNS:localhost", 0, "ready");
    expect("127.0.0.1", "IP:127.0.0.1", 0, "ready");
    expect("localhost", "DNS:localhost", TLS1_2_VERSION, "ready");
}

static void another_name_is_refused(void **state)
{
    (void)state;
    expect("localhost", "DNS:elsewhere", 0, "hostname mismatch");
    expect("127.0.0.1", "DNS:localhost", 0, "IP address mismatch");
    expect("127.0.0.1", "IP:127.0.0.2", 0, "IP address mismatch");
}

static void old_protocols_are_refused(void **state)
{
    (void)state;
    expect("localhost", "DNS:localhost", TLS1_1_VERSION, "protocol version");
}

static void a_broker_that_is_away_is_no_fault_of_tls(void **state)
{
    struct scene s;
    (void)state;
    authority_init(&s.ours);
    SSL_CTX *context = serve(&s.ours, "IP:127.0.0.1");
    broker_init(&s.b, "127.0.0.1", context, s.ours.path);
    evconnlistener_free(s.b.listener);
    s.b.listener = NULL;
    run_until_reason(&s.b);
    assert_non_null(strstr(link_reason(s.b.link), "Connection refused"));
    broker_finish(&s.b);
    SSL_CTX_free(context);
    authority_finish(&s.ours);
}

static void another_authority_is_refused(void **state)
{
    struct scene s;
    (void)state;
    authority_init(&s.ours);
    authority_init(&s.other);
    SSL_CTX *context = serve(&s.other, "DNS:localhost");
    broker_init(&s.b, "localhost", context, s.ours.path);
    run_until_reason(&s.b);
    assert_non_null(strstr(link_reason(s.b.link), "certificate"));
    broker_finish(&s.b);
    broker_init(&s.b, "localhost", context, "no-such-file");
    run_until_reason(&s.b);
    assert_string_equal(link_reason(s.b.link), "authorities in 'no-such-file' cannot be read: No "
                                               "such file or directory");
    broker_finish(&s.b);
    SSL_CTX_free(context);
    authority_finish(&s.other);
    authority_finish(&s.ours);
}

static void a_renewed_authority_counts_at_once(void **state)
{
    struct scene s;
    char wrong[sizeof s.ours.path];
    (void)state;
    authority_init(&s.ours);
    authority_init(&s.other);
    SSL_CTX *context = serve(&s.ours, "DNS:localhost");
    memcpy(wrong, s.other.path, sizeof wrong);
    broker_init(&s.b, "localhost", context, wrong);
    run_until_reason(&s.b);
    assert_int_equal(rename(s.ours.path, wrong), 0);
    loop_run(s.b.loop);
    assert_true(link_is_ready(s.b.link));
    broker_finish(&s.b);
    SSL_CTX_free(context);
    authority_finish(&s.other);
    authority_finish(&s.ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_name_is_trusted),
        cmocka_unit_test(another_name_is_refused),
        cmocka_unit_test(old_protocols_are_refused),
        cmocka_unit_test(a_broker_that_is_away_is_no_fault_of_tls),
        cmocka_unit_test(another_authority_is_refused),
        cmocka_unit_test(a_renewed_authority_counts_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
