/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a client sees it. It runs in a child; the tests speak to it through sockets. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "common/net/probes.h"
#include "common/net/server.h"
#include "tests/unit/http_client.h"

enum { CONNECTIONS_MAX = 4, BODY_MAX = 1000, TIMEOUT_MS = 400 };

static pid_t child;
static int port;

/* --- the child --- */

static struct loop *loop;
static struct server *server;
static struct call *held[8]; /* of /later */
static size_t held_count;
static bool told_to_stop; /* in the parent */
static struct event *later;

static void on_echo(struct call *c, void *arg)
{
    (void)arg;
    call_reply(c,
               &(struct reply){.status = 200, .content_type = "text/plain", .body = call_body(c)});
}

static void on_big(struct call *c, void *arg)
{
    static char big[4000000];
    (void)arg;
    memset(big, 'b', sizeof big);
    call_reply(c, &(struct reply){.status = 200, .body = {big, sizeof big}});
}

static void on_later(struct call *c, void *arg)
{
    const struct timeval soon = {.tv_usec = 200000};
    (void)arg;
    held[held_count++] = c;
    event_add(later, &soon);
}

static void on_time(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events, (void)arg;
    while (held_count > 0)
        call_reply(held[--held_count], &(struct reply){.status = 200, .body = SLICE("late")});
}

static void on_health(void *arg, struct probe_report *r)
{
    (void)arg;
    probe_check(r, "all", PROBE_DEGRADED, "a \"little\"");
    probe_member(r, "extra", "[1]");
}

static void on_drained(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void on_terminate(void *arg)
{
    (void)arg;
    server_drain(server, on_drained, NULL);
}

static void serve(int port_out)
{
    struct probes probes = {"test", on_health, NULL};
    log_open("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (!metrics_open(1))
        exit(1);
    struct router *router = router_create();
    probes_add_routes(&probes, router);
    router_add(router, &(struct route){"POST", "/echo", on_echo, NULL});
    router_add(router, &(struct route){"GET", "/big", on_big, NULL});
    router_add(router, &(struct route){"GET", "/later", on_later, NULL});
    router_seal(router);
    loop = loop_create();
    later = event_new(loop_base(loop), -1, 0, on_time, NULL);
    server = server_create(loop,
                           &(struct server_options){.host = "127.0.0.1",
                                                    .max_body_bytes = BODY_MAX,
                                                    .max_connections = CONNECTIONS_MAX,
                                                    .request_timeout_ns = TIMEOUT_MS * CLOCK_MS},
                           router);
    const int own_port = server_port(server);
    if (write(port_out, &own_port, sizeof own_port) != sizeof own_port)
        exit(1);
    loop_on_terminate(loop, on_terminate, NULL);
    loop_run(loop);
    server_destroy(server);
    event_free(later);
    loop_destroy(loop);
    router_destroy(router);
    exit(0);
}

static int start_server(void **state)
{
    int ends[2];
    (void)state;
    if (pipe(ends) != 0)
        return 1;
    child = fork();
    if (child == 0)
        serve(ends[1]);
    const bool good = read(ends[0], &port, sizeof port) == sizeof port;
    close(ends[0]);
    close(ends[1]);
    return good ? 0 : 1;
}

/* The child must end by itself, well, and soon. */
static int stop_server(void **state)
{
    int status = 0;
    (void)state;
    if (!told_to_stop)
        kill(child, SIGTERM);
    alarm(10);
    waitpid(child, &status, 0);
    alarm(0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

/* --- the client --- */

static int open_client(void)
{
    return client_open(port);
}

static const char *ask(const char *text)
{
    return client_ask(port, text);
}

static void has(const char *answer, const char *wanted)
{
    assert_non_null(answer);
    if (strstr(answer, wanted) == NULL)
        fail_msg("no %s in:\n%s", wanted, answer);
}

#define CLOSE "Host: h\r\nConnection: close\r\n\r\n"

static void it_answers_about_itself(void **state)
{
    (void)state;
    has(ask("GET /livez HTTP/1.1\r\n" CLOSE), "HTTP/1.1 200 OK\r\n");
    has(ask("GET /readyz HTTP/1.1\r\n" CLOSE), "\r\n\r\nready\n");
    has(ask("GET /readyz?verbose HTTP/1.1\r\n" CLOSE),
        "\r\n\r\n[+] all degraded: a \"little\"\nready\n");
    const char *health = ask("GET /health HTTP/1.1\r\n" CLOSE);
    has(health, "{\"status\":\"degraded\",\"service\":\"test\",\"version\":\"");
    has(health, ",\"extra\":[1],\"checks\":{\"all\":{\"status\":\"degraded\",\"detail\":"
                "\"a \\\"little\\\"\"}}}");
    has(ask("GET /version HTTP/1.1\r\n" CLOSE), "\"revision\":");
    has(ask("GET /metrics HTTP/1.1\r\n" CLOSE),
        "holdfast_http_requests_total{method=\"GET\",route=\"/livez\",code=\"200\"} 1\n");
}

static void head_options_404_and_405(void **state)
{
    (void)state;
    const char *head = ask("HEAD /livez HTTP/1.1\r\n" CLOSE);
    has(head, "Content-Length: 6\r\n");
    assert_null(strstr(head, "alive"));
    has(ask("OPTIONS /echo HTTP/1.1\r\n" CLOSE), "HTTP/1.1 204 No Content\r\n");
    has(ask("OPTIONS * HTTP/1.1\r\n" CLOSE), "HTTP/1.1 204 No Content\r\n");
    const char *wrong = ask("GET /echo HTTP/1.1\r\n" CLOSE);
    has(wrong, "HTTP/1.1 405 ");
    has(wrong, "Allow: POST, OPTIONS\r\n");
    has(wrong, "\"type\":\"/problems/method-not-allowed\"");
    has(ask("GET /nothing HTTP/1.1\r\n" CLOSE), "HTTP/1.1 404 Not Found\r\n");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    const char *answer = ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                             "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
                             "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "three");
    const char *one = strstr(answer, "\r\n\r\none"), *three = strstr(answer, "\r\n\r\nthree");
    const char *two = strstr(answer, "\r\n\r\nlate");
    assert_true(one != NULL && two > one && three > two);
}

static void a_client_may_stop_sending_and_still_read(void **state)
{
    char answer[4096];
    const int fd = open_client();
    (void)state;
    client_say(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    client_hear(fd, answer, sizeof answer, NULL);
    has(answer, "late");
    has(answer, "alive");
    close(fd);
}

static void a_client_may_leave_before_the_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const int fd = open_client();
        client_say(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        const struct linger reset = {.l_onoff = 1};
        if (i > 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        poll(NULL, 0, 50);
        close(fd);
        has(ask("GET /later HTTP/1.1\r\n" CLOSE), "late");
    }
}

static void a_large_answer_comes_whole(void **state)
{
    static char answer[5000000];
    const int fd = open_client();
    (void)state;
    client_say(fd, "GET /big HTTP/1.1\r\n" CLOSE);
    poll(NULL, 0, 100);
    const size_t size = client_hear(fd, answer, sizeof answer, NULL);
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(size - (size_t)(body + 4 - answer), 4000000);
    close(fd);
}

static void a_slow_request_gets_408(void **state)
{
    char answer[4096];
    (void)state;
    for (int i = 0; i < 2; i++) {
        const int fd = open_client();
        client_say(fd, i == 0 ? "GET / HT"
                              : "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
        client_hear(fd, answer, sizeof answer, NULL);
        has(answer, "HTTP/1.1 408 Request Timeout\r\n");
        has(answer, "Connection: close\r\n");
        close(fd);
    }
}

static void a_body_too_large_is_answered_not_reset(void **state)
{
    char answer[4096];
    char body[2 * BODY_MAX];
    const int fd = open_client();
    (void)state;
    memset(body, 'x', sizeof body);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n");
    assert_int_equal(send(fd, body, sizeof body, MSG_NOSIGNAL), sizeof body);
    client_hear(fd, answer, sizeof answer, NULL);
    has(answer, "HTTP/1.1 413 ");
    close(fd);
}

static void expect_100_continue(void **state)
{
    char answer[4096];
    int fd = open_client();
    (void)state;
    client_say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n" CLOSE);
    client_hear(fd, answer, sizeof answer, "100 Continue\r\n\r\n");
    client_say(fd, "body");
    client_hear(fd, answer, sizeof answer, NULL);
    has(answer, "HTTP/1.1 200 OK\r\n");
    has(answer, "\r\n\r\nbody");
    close(fd);
    has(ask("POST /echo HTTP/1.1\r\nContent-Length: 4000\r\nExpect: 100-continue\r\n" CLOSE),
        "HTTP/1.1 413 ");
}

static void http_1_0_closes_unless_asked(void **state)
{
    char answer[4096];
    (void)state;
    has(ask("GET /livez HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
    const int fd = open_client();
    client_say(fd, "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_hear(fd, answer, sizeof answer, "alive\n");
    has(answer, "Connection: keep-alive\r\n");
    client_say(fd, "GET /livez HTTP/1.0\r\n\r\n");
    client_hear(fd, answer, sizeof answer, NULL);
    has(answer, "alive\n");
    close(fd);
}

static void idle_connections_shut_nobody_out(void **state)
{
    int fds[CONNECTIONS_MAX];
    (void)state;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        fds[i] = open_client();
    for (int i = 0; i < 3; i++)
        has(ask("GET /livez HTTP/1.1\r\n" CLOSE), "alive\n");
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void while_all_are_busy_more_connections_wait(void **state)
{
    int fds[CONNECTIONS_MAX];
    char answer[4096];
    (void)state;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = open_client();
        client_say(fds[i], "GET /livez HTTP/1.1\r\nHost:");
    }
    poll(NULL, 0, 50);
    const int late = open_client();
    client_say(late, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    struct pollfd ready = {.fd = late, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 200), 0);
    close(fds[0]);
    client_hear(late, answer, sizeof answer, "alive\n");
    close(late);
    for (int i = 1; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

/* The last test: the server ends with it. */
static void a_drain_answers_what_is_in_flight_and_says_farewell(void **state)
{
    static const char ask[] = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    char answer[4096];
    const int idle = open_client(), asks = open_client(), busy = open_client();
    (void)state;
    client_say(idle, ask);
    client_hear(idle, answer, sizeof answer, "alive\n");
    client_say(asks, ask);
    client_hear(asks, answer, sizeof answer, "alive\n");
    client_say(busy, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    poll(NULL, 0, 50);
    told_to_stop = kill(child, SIGTERM) == 0;
    client_hear(busy, answer, sizeof answer, NULL);
    has(answer, "Connection: close\r\n");
    has(answer, "late");
    client_say(asks, ask);
    client_hear(asks, answer, sizeof answer, NULL);
    has(answer, "Connection: close\r\n");
    has(answer, "alive\n");
    client_hear(idle, answer, sizeof answer, NULL);
    assert_string_equal(answer, "");
    close(idle);
    close(asks);
    close(busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_answers_about_itself),
        cmocka_unit_test(head_options_404_and_405),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_may_stop_sending_and_still_read),
        cmocka_unit_test(a_client_may_leave_before_the_answer),
        cmocka_unit_test(a_large_answer_comes_whole),
        cmocka_unit_test(a_slow_request_gets_408),
        cmocka_unit_test(a_body_too_large_is_answered_not_reset),
        cmocka_unit_test(expect_100_continue),
        cmocka_unit_test(http_1_0_closes_unless_asked),
        cmocka_unit_test(idle_connections_shut_nobody_out),
        cmocka_unit_test(while_all_are_busy_more_connections_wait),
        cmocka_unit_test(a_drain_answers_what_is_in_flight_and_says_farewell),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
