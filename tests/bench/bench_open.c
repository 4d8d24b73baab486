/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open loop: single POSTs at a fixed rate, whether or not the server keeps up. Request n is due
 * at start + n / rate; its latency counts from then, so a stall is paid by every request that was
 * due meanwhile (a closed loop would just send fewer). A request that finds all connections
 * waiting for an answer is sent as soon as one is free.
 *
 * The payload carries the moment it was due (CLOCK_MONOTONIC, nanoseconds): with the moment another
 * process sees the row (bench_visible) that is the latency to visibility.
 *
 *     bench_open PORT RATE SECONDS [CONNECTIONS, 64]
 *
 * Prints JSON. "late" is how long after its due time a request was written: the client's own share.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/clock.h"

#define MOST_CONNECTIONS 256
#define ANSWER_SIZE      4096
#define PATIENCE_NS      (30 * CLOCK_S)

struct connection {
    int64_t due_ns; /* of the request under way; 0: idle */
    size_t size;    /* of the answer so far */
    char answer[ANSWER_SIZE];
};

static struct {
    struct connection connections[MOST_CONNECTIONS];
    struct pollfd polls[MOST_CONNECTIONS];
    unsigned count, busy;
    long total, sent, answered, bad;
    int64_t start_ns, interval_ns;
    int64_t *latency_ns, *late_ns; /* one a request */
} run;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, errno != 0 ? strerror(errno) : "not as expected");
    exit(1);
}

static int open_connection(int port)
{
    const int yes = 1;
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        fail("connect");
    return fd;
}

static void send_request(unsigned i, int64_t due_ns)
{
    char body[512], request[1024], pad[151] = {0};
    memset(pad, 'p', sizeof pad - 1);
    const int body_size =
        snprintf(body, sizeof body,
                 "{\"session_id\":123,\"event_type\":\"llm_query_sent\",\"payload\":{"
                 "\"code_language\":\"python\",\"due_ns\":%lld,\"pad\":\"%s\"}}",
                 (long long)due_ns, pad);
    const int size = snprintf(request, sizeof request,
                              "POST /log HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                              "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                              body_size, body);
    if (write(run.polls[i].fd, request, (size_t)size) != size)
        fail("write");
    run.connections[i].due_ns = due_ns;
    run.connections[i].size = 0;
    run.late_ns[run.sent++] = clock_now_ns() - due_ns;
    run.busy++;
}

/* All of the answer is there. */
static bool is_complete(const struct connection *c)
{
    const char *end = strstr(c->answer, "\r\n\r\n");
    const char *length = end != NULL ? strcasestr(c->answer, "content-length:") : NULL;
    if (length == NULL)
        return false;
    const size_t body = strtoul(length + sizeof "content-length:" - 1, NULL, 10);
    return c->size >= (size_t)(end + 4 - c->answer) + body;
}

static void read_answer(unsigned i)
{
    struct connection *c = &run.connections[i];
    const ssize_t n = read(run.polls[i].fd, c->answer + c->size, sizeof c->answer - 1 - c->size);
    if (n <= 0)
        fail("read");
    c->size += (size_t)n;
    c->answer[c->size] = '\0';
    if (c->due_ns == 0 || !is_complete(c))
        return;
    run.bad += strncmp(c->answer, "HTTP/1.1 202", 12) != 0;
    run.latency_ns[run.answered++] = clock_now_ns() - c->due_ns;
    c->due_ns = 0;
    run.busy--;
}

static int64_t next_due_ns(void)
{
    return run.start_ns + run.sent * run.interval_ns;
}

static void send_what_is_due(void)
{
    for (unsigned i = 0; i < run.count && run.sent < run.total; i++)
        if (run.connections[i].due_ns == 0 && clock_now_ns() >= next_due_ns())
            send_request(i, next_due_ns());
}

static void wait_for_something(void)
{
    int64_t wait_ns = PATIENCE_NS;
    if (run.sent < run.total && run.busy < run.count) {
        const int64_t now_ns = clock_now_ns();
        wait_ns = next_due_ns() > now_ns ? next_due_ns() - now_ns : 0;
    }
    const struct timespec wait = {wait_ns / CLOCK_S, wait_ns % CLOCK_S};
    const int ready = ppoll(run.polls, run.count, &wait, NULL);
    if (ready < 0 || (ready == 0 && wait_ns == PATIENCE_NS))
        fail("waiting for an answer");
    for (unsigned i = 0; ready > 0 && i < run.count; i++)
        if (run.polls[i].revents != 0)
            read_answer(i);
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_quantiles(const char *name, int64_t *values, long count)
{
    static const struct {
        const char *name;
        int per_mille;
    } wanted[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}, {"max", 1000}};
    qsort(values, (size_t)count, sizeof *values, by_size);
    printf(", \"%s_us\": {", name);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const long at = count * wanted[i].per_mille / 1000;
        printf("%s\"%s\": %.1f", i > 0 ? ", " : "", wanted[i].name,
               (double)values[at < count ? at : count - 1] / 1e3);
    }
    printf("}");
}

int main(int argc, char **argv)
{
    const double rate = argc > 2 ? strtod(argv[2], NULL) : 0;
    run.total = argc > 3 ? (long)(rate * strtod(argv[3], NULL)) : 0;
    run.count = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 64;
    if (run.total <= 0 || run.count == 0 || run.count > MOST_CONNECTIONS) {
        fprintf(stderr, "usage: bench_open PORT RATE SECONDS [CONNECTIONS]\n");
        return 2;
    }
    run.latency_ns = calloc((size_t)run.total, sizeof *run.latency_ns);
    run.late_ns = calloc((size_t)run.total, sizeof *run.late_ns);
    if (run.latency_ns == NULL || run.late_ns == NULL)
        return 1;
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (unsigned i = 0; i < run.count; i++)
        run.polls[i] = (struct pollfd){open_connection((int)strtol(argv[1], NULL, 10)), POLLIN, 0};
    run.interval_ns = (int64_t)(1e9 / rate);
    run.start_ns = clock_now_ns() + 10 * CLOCK_MS;
    while (run.answered < run.total) {
        send_what_is_due();
        wait_for_something();
    }
    printf("{\"sent\": %ld, \"bad\": %ld, \"seconds\": %.3f", run.sent, run.bad,
           (double)(clock_now_ns() - run.start_ns) / 1e9);
    print_quantiles("latency", run.latency_ns, run.total);
    print_quantiles("late", run.late_ns, run.total);
    printf("}\n");
    return 0;
}
