/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include "common/core/buffer.h"
#include "common/core/clock.h"

#include <assert.h>
#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX  500 /* bytes of a server's address */
#define BODY_MAX ((size_t)64 << 20)

/* Look-up, connection and TLS; half of it for the first of several addresses. */
#define CONNECT_MS 10000L

#define SEND_BYTES 262144L /* what a usual batch has: it goes out in one piece */

#define RETRY_AFTER_MAX_S 21600 /* newer versions of libcurl cut it there themselves */

struct http_client {
    CURLM *multi;
    const char *ca_file; /* lent */
};

struct http {
    struct http_client *client; /* lent */
    const char *url;            /* lent */
    CURL *easy;
    struct curl_slist *headers; /* of the request */
    enum http_state state;
    struct buffer body;          /* of the answer */
    char fault[CURL_ERROR_SIZE]; /* in libcurl's words */
    char reason[URL_MAX + CURL_ERROR_SIZE];
    const char *mend; /* static */
};

const char *http_url_fault(const char *url)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return "an address starts with http:// or https://";
    if (strpbrk(url, "@?#"))
        return "an address is http://HOST:PORT or https://HOST:PORT, without user or query";
    if (strlen(url) > URL_MAX)
        return "the address is too long";
    CURLU *parts = curl_url();
    const CURLUcode code =
        parts ? curl_url_set(parts, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
    curl_url_cleanup(parts);
    return code == CURLUE_OK ? NULL : curl_url_strerror(code);
}

struct http_client *http_client_create(const char *ca_file)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->ca_file = ca_file;
    c->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    if (c->multi)
        return c;
    http_client_destroy(c);
    return NULL;
}

void http_client_destroy(struct http_client *c)
{
    if (!c)
        return;
    curl_multi_cleanup(c->multi);
    free(c);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http *h = arg;
    (void)size; /* is 1 */
    if (count > BODY_MAX - h->body.size)
        return CURL_WRITEFUNC_ERROR;
    buffer_add(&h->body, data, count);
    return h->body.failed ? CURL_WRITEFUNC_ERROR : count;
}

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           (strncmp(host, "localhost", 9) == 0 && strchr(":/", host[9]) != NULL);
}

/* Proxies are those of libcurl's variables, but never to a server of this machine. */
static bool set_up(struct http *h)
{
    CURL *e = h->easy;
    const char *ca_file = h->client->ca_file;
    curl_easy_setopt(e, CURLOPT_PRIVATE, h);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->fault);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a slow look-up is left to itself */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (ca_file[0])
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* the system's do not count beside it */
    return (!ca_file[0] || curl_easy_setopt(e, CURLOPT_CAINFO, ca_file) == CURLE_OK) &&
           (!is_loopback(h->url) || curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK) &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "holdfast/" HOLDFAST_VERSION) == CURLE_OK;
}

struct http *http_create(struct http_client *c, const char *url)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->client = c;
    h->url = url;
    h->easy = curl_easy_init();
    if (h->easy && set_up(h))
        return h;
    http_destroy(h);
    return NULL;
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    if (h->state == HTTP_BUSY)
        curl_multi_remove_handle(h->client->multi, h->easy);
    curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    buffer_finish(&h->body);
    free(h);
}

static const char *mend_of(const struct http *h, CURLcode code)
{
    long verdict = X509_V_OK;
    if (code == CURLE_SSL_CACERT_BADFILE)
        return "HOLDFAST_CA_FILE must name a file of certificates in PEM; the system's come with "
               "the package ca-certificates";
    if (code == CURLE_SSL_CONNECT_ERROR)
        return "does the server speak https there?";
    if (code != CURLE_PEER_FAILED_VERIFICATION)
        return NULL;
    curl_easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    switch (verdict) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* what it is before libcurl has compared the names */
        return "use a name that the server's certificate is for";
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the server needs a new certificate, or a clock is wrong";
    default:
        return "if it is to be trusted, name the file of its authority in HOLDFAST_CA_FILE";
    }
}

static void fail(struct http *h, CURLcode code)
{
    long fault = 0;
    if (code == CURLE_COULDNT_CONNECT)
        curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &fault);
    snprintf(h->reason, sizeof h->reason, "%s: %s%s%s", h->url,
             h->fault[0] ? h->fault : curl_easy_strerror(code), fault ? ": " : "",
             fault ? strerror((int)fault) : "");
    h->mend = mend_of(h, code);
    h->state = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
                   ? HTTP_UNTRUSTED
                   : HTTP_FAILED;
}

static CURLcode set_body(struct http *h, const struct http_request *request)
{
    char type[100];
    snprintf(type, sizeof type, "Content-Type: %s", request->content_type);
    curl_slist_free_all(h->headers);
    h->headers = curl_slist_append(NULL, "Expect:"); /* a body goes out without being asked for */
    if (!h->headers || !curl_slist_append(h->headers, type))
        return CURLE_OUT_OF_MEMORY;
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, request->body.data);
    curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    return CURLE_OK;
}

static CURLcode set_request(struct http *h, const struct http_request *request)
{
    const int64_t left_ms = (request->deadline_ns - clock_now_ns()) / CLOCK_MS;
    char url[URL_MAX + 64];
    size_t base = strlen(h->url);
    while (h->url[base - 1] == '/')
        base--;
    snprintf(url, sizeof url, "%.*s%s", (int)base, h->url, request->target);
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, left_ms > 1 ? (long)left_ms : 1L);
    const CURLcode code = curl_easy_setopt(h->easy, CURLOPT_URL, url);
    return code == CURLE_OK && request->content_type ? set_body(h, request) : code;
}

/* Does what can be done without waiting; whether an exchange ended. */
static bool move(struct http_client *c)
{
    int under_way, left;
    bool ended = false;
    CURLMsg *message;
    curl_multi_perform(c->multi, &under_way);
    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct http *h = NULL;
        const CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &h);
        curl_multi_remove_handle(c->multi, h->easy);
        if (code == CURLE_OK)
            h->state = HTTP_ANSWERED;
        else
            fail(h, code);
        ended = true;
    }
    return ended;
}

void http_start(struct http *h, const struct http_request *request)
{
    int under_way;
    assert(h->state != HTTP_BUSY);
    buffer_clear(&h->body);
    h->fault[0] = '\0';
    h->state = HTTP_BUSY;
    const CURLcode code = set_request(h, request);
    if (code != CURLE_OK)
        fail(h, code);
    else if (curl_multi_add_handle(h->client->multi, h->easy) != CURLM_OK)
        fail(h, CURLE_OUT_OF_MEMORY);
    else
        curl_multi_perform(h->client->multi, &under_way);
}

void http_client_wait(struct http_client *c, int fd, int64_t until_ns)
{
    struct curl_waitfd input = {.fd = fd, .events = CURL_WAIT_POLLIN};
    const int64_t left_ns = until_ns - clock_now_ns();
    const int left_ms = left_ns <= 0 ? 0 : (int)(left_ns / CLOCK_MS) + 1;
    if (move(c))
        return;
    curl_multi_poll(c->multi, &input, fd >= 0, left_ms, NULL);
    move(c);
}

enum http_state http_ask(struct http *h, const struct http_request *request)
{
    http_start(h, request);
    while (h->state == HTTP_BUSY)
        http_client_wait(h->client, -1, request->deadline_ns);
    return h->state;
}

enum http_state http_state(const struct http *h)
{
    return h->state;
}

int http_status(const struct http *h)
{
    long status = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

int http_retry_after_s(const struct http *h)
{
    curl_off_t told = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &told);
    return told < 0 ? 0 : told > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int)told;
}

const char *http_redirect_url(const struct http *h)
{
    const char *url = NULL;
    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &url);
    return url;
}

struct slice http_body(const struct http *h)
{
    return buffer_slice(&h->body);
}

const char *http_reason(const struct http *h)
{
    return h->reason;
}

const char *http_mend(const struct http *h)
{
    return h->mend;
}
