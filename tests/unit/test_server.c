/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a client sees it. */
#include "tests/unit/unit.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "tests/unit/http_client.h"
#include "tests/unit/server_scene.h"

static void it_answers_about_itself(void **state)
{
    (void)state;
    scene_has(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "HTTP/1.1 200 OK\r\n");
    scene_has(scene_ask("GET /readyz HTTP/1.1\r\n" CLOSE), "\r\n\r\nready\n");
    scene_has(scene_ask("GET /readyz?verbose HTTP/1.1\r\n" CLOSE),
              "\r\n\r\n[+] all degraded: a \"little\"\nready\n");
    const char *health = scene_ask("GET /health HTTP/1.1\r\n" CLOSE);
    scene_has(health, "{\"status\":\"degraded\",\"service\":\"test\",\"version\":\"");
    scene_has(health, ",\"extra\":[1],\"checks\":{\"all\":{\"status\":\"degraded\",\"detail\":"
                      "\"a \\\"little\\\"\"}}}");
    scene_has(scene_ask("GET /version HTTP/1.1\r\n" CLOSE), "\"revision\":");
    scene_has(scene_ask("GET /metrics HTTP/1.1\r\n" CLOSE),
              "holdfast_http_requests_total{method=\"GET\",route=\"/livez\",code=\"200\"} 1\n");
}

static void head_options_404_and_405(void **state)
{
    (void)state;
    const char *head = scene_ask("HEAD /livez HTTP/1.1\r\n" CLOSE);
    scene_has(head, "Content-Length: 6\r\n");
    assert_null(strstr(head, "alive"));
    scene_has(scene_ask("OPTIONS /echo HTTP/1.1\r\n" CLOSE), "HTTP/1.1 204 No Content\r\n");
    scene_has(scene_ask("OPTIONS * HTTP/1.1\r\n" CLOSE), "HTTP/1.1 204 No Content\r\n");
    const char *wrong = scene_ask("GET /echo HTTP/1.1\r\n" CLOSE);
    scene_has(wrong, "HTTP/1.1 405 ");
    scene_has(wrong, "Allow: POST, OPTIONS\r\n");
    scene_has(wrong, "\"type\":\"/problems/method-not-allowed\"");
    scene_has(scene_ask("GET /nothing HTTP/1.1\r\n" CLOSE), "HTTP/1.1 404 Not Found\r\n");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    const char *answer = scene_ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                                   "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
                                   "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "three");
    const char *one = strstr(answer, "\r\n\r\none"), *three = strstr(answer, "\r\n\r\nthree");
    const char *two = strstr(answer, "\r\n\r\nlate");
    assert_true(one != NULL && two > one && three > two);
}

static void a_client_may_stop_sending_and_still_read(void **state)
{
    char answer[4096];
    const int fd = scene_open();
    (void)state;
    client_say(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    client_hear(fd, answer, sizeof answer, NULL);
    scene_has(answer, "late");
    scene_has(answer, "alive");
    close(fd);
}

static void a_client_may_leave_before_the_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const int fd = scene_open();
        client_say(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        const struct linger reset = {.l_onoff = 1};
        if (i > 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        poll(NULL, 0, 50);
        close(fd);
        scene_has(scene_ask("GET /later HTTP/1.1\r\n" CLOSE), "late");
    }
}

static void a_large_answer_comes_whole(void **state)
{
    static char answer[5000000];
    const int fd = scene_open();
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
        const int fd = scene_open();
        client_say(fd, i == 0 ? "GET / HT"
                              : "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
        client_hear(fd, answer, sizeof answer, NULL);
        scene_has(answer, "HTTP/1.1 408 Request Timeout\r\n");
        scene_has(answer, "Connection: close\r\n");
        close(fd);
    }
}

static void a_body_too_large_is_answered_not_reset(void **state)
{
    char answer[4096];
    char body[2 * BODY_MAX];
    const int fd = scene_open();
    (void)state;
    memset(body, 'x', sizeof body);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n");
    assert_int_equal(send(fd, body, sizeof body, MSG_NOSIGNAL), sizeof body);
    client_hear(fd, answer, sizeof answer, NULL);
    scene_has(answer, "HTTP/1.1 413 ");
    close(fd);
}

static void expect_100_continue(void **state)
{
    char answer[4096];
    int fd = scene_open();
    (void)state;
    client_say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n" CLOSE);
    client_hear(fd, answer, sizeof answer, "100 Continue\r\n\r\n");
    client_say(fd, "body");
    client_hear(fd, answer, sizeof answer, NULL);
    scene_has(answer, "HTTP/1.1 200 OK\r\n");
    scene_has(answer, "\r\n\r\nbody");
    close(fd);
    scene_has(
        scene_ask("POST /echo HTTP/1.1\r\nContent-Length: 4000\r\nExpect: 100-continue\r\n" CLOSE),
        "HTTP/1.1 413 ");
}

static void http_1_0_closes_unless_asked(void **state)
{
    char answer[4096];
    (void)state;
    scene_has(scene_ask("GET /livez HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
    const int fd = scene_open();
    client_say(fd, "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_hear(fd, answer, sizeof answer, "alive\n");
    scene_has(answer, "Connection: keep-alive\r\n");
    client_say(fd, "GET /livez HTTP/1.0\r\n\r\n");
    client_hear(fd, answer, sizeof answer, NULL);
    scene_has(answer, "alive\n");
    close(fd);
}

static void idle_connections_shut_nobody_out(void **state)
{
    int fds[CONNECTIONS_MAX];
    (void)state;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        fds[i] = scene_open();
    for (int i = 0; i < 3; i++)
        scene_has(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "alive\n");
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void a_refused_body_may_be_sent_to_its_end(void **state)
{
    static char body[3 * BODY_MAX], answer[4096];
    (void)state;
    for (int i = 0; i < 3; i++) {
        const int fd = scene_open();
        client_say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int chunk = 0; chunk < 3; chunk++) {
            client_say(fd, "3e8\r\n");
            assert_int_equal(send(fd, body, BODY_MAX, MSG_NOSIGNAL), BODY_MAX);
            client_say(fd, "\r\n");
        }
        client_say(fd, "0\r\n\r\n");
        client_hear(fd, answer, sizeof answer, NULL);
        scene_has(answer, "HTTP/1.1 413 ");
        close(fd);
    }
}

static void the_idle_time_is_told(void **state)
{
    char answer[4096];
    const int fd = scene_open();
    (void)state;
    client_say(fd, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    client_hear(fd, answer, sizeof answer, "alive\n");
    scene_has(answer, "Connection: keep-alive\r\nKeep-Alive: timeout=90\r\n");
    close(fd);
    assert_null(strstr(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "Keep-Alive"));
}

/* The last test: the server ends with it. */
static void a_drain_answers_what_is_in_flight_and_says_farewell(void **state)
{
    static const char ask[] = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    char answer[4096];
    const int idle = scene_open(), asks = scene_open(), busy = scene_open();
    (void)state;
    client_say(idle, ask);
    client_hear(idle, answer, sizeof answer, "alive\n");
    client_say(asks, ask);
    client_hear(asks, answer, sizeof answer, "alive\n");
    client_say(busy, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    poll(NULL, 0, 50);
    scene_tell_to_stop();
    client_hear(busy, answer, sizeof answer, NULL);
    scene_has(answer, "Connection: close\r\n");
    scene_has(answer, "late");
    client_say(asks, ask);
    client_hear(asks, answer, sizeof answer, NULL);
    scene_has(answer, "Connection: close\r\n");
    scene_has(answer, "alive\n");
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
        cmocka_unit_test(a_refused_body_may_be_sent_to_its_end),
        cmocka_unit_test(the_idle_time_is_told),
        cmocka_unit_test(a_drain_answers_what_is_in_flight_and_says_farewell),
    };
    return cmocka_run_group_tests(tests, scene_start, scene_stop);
}
