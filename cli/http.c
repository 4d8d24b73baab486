/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name is looked up once, off this thread (getaddrinfo_a), because the C library's plain
 * look-up can outlast any deadline; its addresses are then tried in turn. A connection the server
 * closed while it was idle is noticed before it is used again.
 */
#include "cli/http.h"

#include "cli/http_reader.h"
#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_NS (3 * CLOCK_S) /* one address; the next one may be better */

enum step { CLOSED, CONNECTING, WRITING, READING, RESTING };

struct http {
    const struct http_url *url;  /* lent */
    struct addrinfo *addresses;  /* owned; NULL until looked up */
    const struct addrinfo *next; /* to try when this one does not answer */
    int fd;                      /* -1 = none */
    enum step step;
    enum http_state state;
    struct http_request request;
    struct buffer head; /* of the request */
    size_t sent;        /* of head and body together */
    int64_t connect_by_ns;
    struct http_reader reader;
    char reason[512];
};

struct http *http_create(const struct http_url *url)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->url = url;
    h->fd = -1;
    return h;
}

static void disconnect(struct http *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->step = CLOSED;
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    disconnect(h);
    if (h->addresses)
        freeaddrinfo(h->addresses);
    buffer_finish(&h->head);
    http_reader_finish(&h->reader);
    free(h);
}

static enum http_state fail(struct http *h, const char *what, const char *why)
{
    snprintf(h->reason, sizeof h->reason, "%.300s: %.60s %.120s", h->url->authority, what, why);
    disconnect(h);
    h->state = HTTP_FAILED;
    return h->state;
}

/* What the look-up's own thread reads and writes. */
struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    struct http_url url;
};

/* A look-up that cannot be called back in time is left to itself, memory and all. */
static int run_lookup(struct lookup *l, int64_t deadline_ns)
{
    struct gaicb *list[1] = {&l->request};
    const int64_t left_ns = deadline_ns - clock_now_ns();
    const struct timespec left = {.tv_sec = left_ns > 0 ? left_ns / CLOCK_S : 0,
                                  .tv_nsec = left_ns > 0 ? left_ns % CLOCK_S : 0};
    const int fault = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (fault != 0)
        return fault;
    (void)gai_suspend((const struct gaicb *const *)list, 1, &left);
    if (gai_error(&l->request) == EAI_INPROGRESS)
        (void)gai_cancel(&l->request);
    return gai_error(&l->request);
}

static bool look_up(struct http *h)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l) {
        (void)fail(h, "out of memory", "");
        return false;
    }
    l->url = *h->url;
    l->hints.ai_socktype = SOCK_STREAM;
    l->request =
        (struct gaicb){.ar_name = l->url.host, .ar_service = l->url.port, .ar_request = &l->hints};
    const int fault = run_lookup(l, h->request.deadline_ns);
    if (fault == 0)
        h->addresses = l->request.ar_result;
    else
        (void)fail(h, "the name cannot be looked up:", gai_strerror(fault));
    if (fault != EAI_INPROGRESS)
        free(l);
    return fault == 0;
}

/* Starts on the next address; false when there is none left. */
static bool connect_next(struct http *h)
{
    const int on = 1;
    for (; h->next; h->next = h->next->ai_next) {
        const struct addrinfo *a = h->next;
        h->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (h->fd < 0)
            continue;
        (void)setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(h->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
            h->step = CONNECTING;
            h->connect_by_ns = clock_now_ns() + CONNECT_NS;
            h->next = a->ai_next;
            return true;
        }
        (void)fail(h, "cannot connect:", strerror(errno));
    }
    return false;
}

static void open_connection(struct http *h)
{
    if (!h->addresses && !look_up(h))
        return;
    h->next = h->addresses;
    (void)fail(h, "cannot connect", "");
    h->state = connect_next(h) ? HTTP_BUSY : HTTP_FAILED;
}

/* A connection at rest has nothing to read; if it has, it is its end, or not ours to understand. */
static bool is_stale(const struct http *h)
{
    char byte;
    return recv(h->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void write_head(struct http *h)
{
    const struct http_request *r = &h->request;
    buffer_clear(&h->head);
    buffer_printf(&h->head, "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: holdfast/%s\r\n",
                  r->method, h->url->prefix, r->target, h->url->authority, HOLDFAST_VERSION);
    if (r->content_type)
        buffer_printf(&h->head, "Content-Type: %s\r\nContent-Length: %zu\r\n", r->content_type,
                      r->body.size);
    buffer_add_text(&h->head, "\r\n");
}

void http_start(struct http *h, const struct http_request *request)
{
    assert(h->state != HTTP_BUSY);
    h->request = *request;
    h->sent = 0;
    h->state = HTTP_BUSY;
    write_head(h);
    http_reader_reset(&h->reader);
    if (h->step == RESTING && is_stale(h))
        disconnect(h);
    if (h->step == RESTING)
        h->step = WRITING;
    else
        open_connection(h);
}

/* Each step returns true when the next one may be tried at once. */
static bool finish_connect(struct http *h)
{
    struct pollfd p = {.fd = h->fd, .events = POLLOUT};
    int fault = 0;
    socklen_t size = sizeof fault;
    if (poll(&p, 1, 0) == 0 && clock_now_ns() < h->connect_by_ns)
        return false;
    if (p.revents == 0)
        fault = ETIMEDOUT;
    else
        (void)getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &fault, &size);
    if (fault == 0) {
        h->step = WRITING;
        return true;
    }
    (void)fail(h, "cannot connect:", strerror(fault));
    if (connect_next(h))
        h->state = HTTP_BUSY;
    return false;
}

/* A server that refuses a body early says so and closes: its words are read before they are lost.
 */
static bool is_answered_early(const struct http *h)
{
    char byte;
    return recv(h->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool write_some(struct http *h)
{
    const bool in_head = h->sent < h->head.size;
    const struct slice part = in_head ? buffer_slice(&h->head) : h->request.body;
    const size_t done = in_head ? h->sent : h->sent - h->head.size;
    if (done == part.size || is_answered_early(h)) {
        h->step = READING;
        return true;
    }
    const ssize_t n = send(h->fd, part.data + done, part.size - done,
                           MSG_NOSIGNAL | (in_head && h->request.body.size ? MSG_MORE : 0));
    if (n > 0) {
        h->sent += (size_t)n;
        return true;
    }
    if (errno == EPIPE || errno == ECONNRESET)
        h->step = READING;
    return h->step == READING;
}

static void finish_exchange(struct http *h)
{
    const size_t whole = h->head.size + h->request.body.size;
    h->state = HTTP_ANSWERED;
    if (h->reader.keep_alive && h->sent == whole)
        h->step = RESTING;
    else
        disconnect(h);
}

static bool read_some(struct http *h)
{
    char bytes[16384];
    const ssize_t n = recv(h->fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        (void)fail(h, "the connection broke:", strerror(errno));
        return false;
    }
    const enum http_phase phase =
        n > 0 ? http_reader_feed(&h->reader, bytes, (size_t)n) : http_reader_end(&h->reader);
    if (phase == HTTP_COMPLETE)
        finish_exchange(h);
    else if (phase == HTTP_BROKEN)
        (void)fail(h, n > 0 ? "this is no HTTP answer" : "the connection ended before the answer",
                   "");
    return h->state == HTTP_BUSY;
}

static bool step(struct http *h)
{
    switch (h->step) {
    case CONNECTING:
        return finish_connect(h);
    case WRITING:
        return write_some(h);
    case READING:
        return read_some(h);
    case CLOSED:
    case RESTING:
        break;
    }
    return false;
}

enum http_state http_advance(struct http *h)
{
    while (h->state == HTTP_BUSY && step(h))
        ;
    if (h->state == HTTP_BUSY && clock_now_ns() >= h->request.deadline_ns)
        return fail(h, "no answer in time", "");
    return h->state;
}

enum http_state http_wait(struct http *h)
{
    while (http_advance(h) == HTTP_BUSY) {
        const int64_t left_ms = (http_deadline_ns(h) - clock_now_ns()) / CLOCK_MS + 1;
        struct pollfd p = {.fd = http_fd(h), .events = http_events(h)};
        (void)poll(&p, 1, left_ms < 0 ? 0 : (int)(left_ms < 60000 ? left_ms : 60000));
    }
    return h->state;
}

int http_fd(const struct http *h)
{
    return h->fd;
}

short http_events(const struct http *h)
{
    static const short events[] = {
        [CONNECTING] = POLLOUT, [WRITING] = POLLIN | POLLOUT, [READING] = POLLIN, [RESTING] = 0};
    return events[h->step];
}

int64_t http_deadline_ns(const struct http *h)
{
    return h->step == CONNECTING && h->connect_by_ns < h->request.deadline_ns
               ? h->connect_by_ns
               : h->request.deadline_ns;
}

int http_status(const struct http *h)
{
    return h->reader.status;
}

int http_retry_after_s(const struct http *h)
{
    return h->reader.retry_after_s;
}

struct slice http_body(const struct http *h)
{
    return buffer_slice(&h->reader.body);
}

const char *http_reason(const struct http *h)
{
    return h->reason;
}
