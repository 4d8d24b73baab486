/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One keep-alive HTTP connection for a command, one exchange at a time. http_start begins an
 * exchange, http_advance does what can be done without waiting, and in between the caller polls
 * http_fd for http_events - so that one loop can serve several. http_wait does it all for those
 * who have nothing else to do. Every exchange has a deadline.
 */
#ifndef HOLDFAST_CLI_HTTP_H
#define HOLDFAST_CLI_HTTP_H

#include "cli/http_url.h"

struct http;

enum http_state {
    HTTP_IDLE,
    HTTP_BUSY,
    HTTP_ANSWERED, /* http_status and the others tell the answer, until the next start */
    HTTP_FAILED,   /* http_reason tells why; whether the server did it is not known */
};

struct http_request { /* lent until the exchange ends */
    const char *method;
    const char *target;       /* path and query, behind the address's own path */
    const char *content_type; /* NULL: no body */
    struct slice body;
    int64_t deadline_ns;
};

struct http *http_create(const struct http_url *url); /* lends url; NULL: no memory */
void http_destroy(struct http *h);

void http_start(struct http *h, const struct http_request *request);
enum http_state http_advance(struct http *h);
enum http_state http_wait(struct http *h);

int http_fd(const struct http *h);
short http_events(const struct http *h); /* for poll; 0: nothing to wait for */
int64_t http_deadline_ns(const struct http *h);

int http_status(const struct http *h);
int http_retry_after_s(const struct http *h); /* -1 when not told */
struct slice http_body(const struct http *h);
const char *http_reason(const struct http *h);

#endif
