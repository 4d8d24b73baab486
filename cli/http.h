/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP and HTTPS for the commands, by libcurl. A client holds what its connections share: whom they
 * trust, and the loop that moves all exchanges under way. A connection makes one exchange at a time
 * and is kept open for the next. Every exchange has a deadline. Redirects are not followed.
 */
#ifndef HOLDFAST_CLI_HTTP_H
#define HOLDFAST_CLI_HTTP_H

#include "common/core/slice.h"

struct http_client;
struct http;

enum http_state {
    HTTP_IDLE,
    HTTP_BUSY,
    HTTP_ANSWERED,  /* http_status and the others tell the answer, until the next start */
    HTTP_FAILED,    /* http_reason tells why; whether the server did it is not known */
    HTTP_UNTRUSTED, /* http_reason tells why; nothing was sent, and a new try would end the same */
};

struct http_request {         /* lent until the exchange ends */
    const char *target;       /* path and query, behind the address's own path */
    const char *content_type; /* of a POST; NULL: a GET */
    struct slice body;
    int64_t deadline_ns;
};

/* What is wrong with it as a server's address, http[s]://HOST[:PORT][/PATH]; NULL: nothing. */
const char *http_url_fault(const char *url);

/* Lends ca_file, the authorities to trust; "" = the system's. NULL: no memory. */
struct http_client *http_client_create(const char *ca_file);
void http_client_destroy(struct http_client *c); /* after its connections */

/* Moves the exchanges, until something happens, `fd` (-1: none) can be read, or time is up. */
void http_client_wait(struct http_client *c, int fd, int64_t until_ns);

/* Lends both; the url has no fault. NULL: no memory. To be destroyed even while BUSY. */
struct http *http_create(struct http_client *c, const char *url);
void http_destroy(struct http *h);

void http_start(struct http *h, const struct http_request *request);
enum http_state http_ask(struct http *h, const struct http_request *request); /* to its end */

enum http_state http_state(const struct http *h);
int http_status(const struct http *h);
int http_retry_after_s(const struct http *h);        /* 0 when not told */
const char *http_redirect_url(const struct http *h); /* where the answer points to; NULL: nowhere */
struct slice http_body(const struct http *h);
const char *http_reason(const struct http *h);
const char *http_mend(const struct http *h); /* what to do about it; NULL: who knows */

#endif
