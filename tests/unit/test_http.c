/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' HTTP, beside a server that answers the bytes of a table: /3 asks for row 3. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/http.h"
#include "common/core/clock.h"

static const struct answer_row {
    const char *bytes; /* what the server says before it closes */
    const char *body;  /* NULL: this is no answer */
    int status, retry_after_s;
    const char *redirect_url;
} rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, 0, NULL},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 A\r\ncontent-length: 0\r\n\r\n", "", 202, 0, NULL},
    {"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nx", "x", 503, 7, NULL},
    {"HTTP/1.1 429 No\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n", "", 429, 21600,
     NULL},
    {"HTTP/1.1 503 No\r\nRetry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
     "", 503, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n"
     "0\r\nTrailer: 1\r\n\r\n",
     "abc0123456789", 200, 0, NULL},
    {"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", 200, 0, NULL},
    {"HTTP/1.1 204 No\r\n\r\n", "", 204, 0, NULL},
    {"HTTP/1.1 301 No\r\nLocation: https://h/log\r\nContent-Length: 0\r\n\r\n", "", 301, 0,
     "https://h/log"},
    {"", NULL, 0, 0, NULL},
    {"nonsense\r\n\r\n", NULL, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", NULL, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", NULL, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", NULL, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n", NULL, 0, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", NULL, 0, 0, NULL},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static pid_t server;
static int *connections; /* that the server took; shared with it */
static char url[64];

/* -------- the server, a process for each connection -------- */

static void say(int fd, const void *data, size_t size)
{
    if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size)
        _exit(0);
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* A whole request; its head stays in `out`, the size of its body is returned. */
static size_t hear(int fd, char *out, size_t size)
{
    size_t used = 0, wanted = 0;
    char *end = NULL;
    while (!end || (size_t)(out + used - end) < wanted) {
        const ssize_t n = recv(fd, out + used, size - used - 1, 0);
        if (n <= 0)
            _exit(0);
        used += (size_t)n;
        out[used] = '\0';
        end = strstr(out, "\r\n\r\n");
        const char *length = strstr(out, "Content-Length: ");
        if (end && length) {
            end += 4;
            wanted = strtoul(length + 16, NULL, 10);
        }
    }
    out[used - wanted] = '\0';
    return wanted;
}

static void answer_echo(int fd, const char *head, size_t body_size)
{
    char out[2048];
    const int size =
        snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s%10zu",
                 strlen(head) + 10, head, body_size);
    say(fd, out, (size_t)size);
}

static void answer_endlessly(int fd)
{
    static const char part[65536];
    say_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;)
        say(fd, part, sizeof part);
}

static void serve_connection(int fd)
{
    static char request[4 << 20];
    for (;;) {
        const size_t body_size = hear(fd, request, sizeof request);
        const char *target = strchr(request, ' ') + 1;
        if (strstr(request, "/echo"))
            answer_echo(fd, request, body_size);
        else if (strncmp(target, "/endless", 8) == 0)
            answer_endlessly(fd);
        else if (strncmp(target, "/never", 6) != 0) {
            say_text(fd, rows[strtoul(target + 1, NULL, 10)].bytes);
            _exit(0);
        }
    }
}

static void serve(int listener)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        ++*connections;
        if (fork() == 0)
            serve_connection(fd);
        close(fd);
    }
}

static int start_server(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    connections =
        mmap(NULL, sizeof *connections, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return -1;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    server = fork();
    if (server == 0)
        serve(listener);
    close(listener);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    return waitpid(server, NULL, 0) == server ? 0 : -1;
}

/* -------- what the commands see of it -------- */

static struct http_request get(const char *target)
{
    return (struct http_request){.target = target, .deadline_ns = clock_now_ns() + 20 * CLOCK_S};
}

static void assert_holds(struct slice body, const char *text)
{
    if (!memmem(body.data, body.size, text, strlen(text)))
        fail_msg("'%s' is not in: %.*s", text, SLICE_ARGS(body));
}

static void test_addresses(void **state)
{
    static const char *const good[] = {"http://h",       "http://h:8001",    "http://h:8001/",
                                       "http://h/a/b//", "http://[::1]:5/x", "https://h:8001/x",
                                       "HTTPS://h"};
    static const char *const bad[] = {"",
                                      "h:1",
                                      "ftp://h",
                                      "http://",
                                      "http://:1",
                                      "http://h:x",
                                      "http://h:65536",
                                      "http://u@h",
                                      "http://u:p@h",
                                      "http://h?a",
                                      "http://h#a",
                                      "http://h a",
                                      "http://[::1",
                                      "http://[::1]x",
                                      "http://h/a\r\nb"};
    char long_one[2000];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(http_url_fault(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!http_url_fault(bad[i]))
            fail_msg("'%s' was taken", bad[i]);
    memset(long_one, 'h', sizeof long_one - 1);
    memcpy(long_one, "http://", 7);
    long_one[sizeof long_one - 1] = '\0';
    assert_string_equal(http_url_fault(long_one), "the address is too long");
}

static void check_row(struct http *h, const struct answer_row *row)
{
    if (!row->body) {
        assert_int_equal(http_state(h), HTTP_FAILED);
        assert_non_null(strstr(http_reason(h), url));
        assert_null(http_mend(h));
        return;
    }
    const struct slice body = http_body(h);
    if (http_state(h) != HTTP_ANSWERED)
        fail_msg("%s", http_reason(h));
    assert_int_equal(http_status(h), row->status);
    assert_int_equal(http_retry_after_s(h), row->retry_after_s);
    assert_int_equal(body.size, strlen(row->body));
    assert_memory_equal(body.size ? body.data : "", row->body, body.size);
    if (row->redirect_url)
        assert_string_equal(http_redirect_url(h), row->redirect_url);
    else
        assert_null(http_redirect_url(h));
}

static void test_answers_and_what_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct http_client *c = http_client_create("");
        struct http *h = http_create(c, url);
        char target[16];
        snprintf(target, sizeof target, "/%zu", i);
        const struct http_request request = get(target);
        http_ask(h, &request);
        check_row(h, &rows[i]);
        http_destroy(h);
        http_client_destroy(c);
    }
}

static void test_an_endless_answer_is_given_up(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *h = http_create(c, url);
    const struct http_request request = get("/endless");
    (void)state;
    assert_int_equal(http_ask(h, &request), HTTP_FAILED);
    assert_true(http_body(h).size <= (size_t)64 << 20);
    http_destroy(h);
    http_client_destroy(c);
}

static void test_a_request_says_what_it_should(void **state)
{
    static char body[3000000];
    char base[96];
    struct http_client *c = http_client_create("");
    struct http_request request = get("/echo?partial=true");
    (void)state;
    snprintf(base, sizeof base, "%s/behind/it//", url);
    struct http *h = http_create(c, base);
    memset(body, 'x', sizeof body);
    request.content_type = "application/x-ndjson";
    request.body = (struct slice){body, sizeof body};
    assert_int_equal(http_ask(h, &request), HTTP_ANSWERED);
    const struct slice said = http_body(h);
    assert_holds(said, "POST /behind/it/echo?partial=true HTTP/1.1\r\n");
    assert_holds(said, "Content-Type: application/x-ndjson\r\n");
    assert_holds(said, "User-Agent: holdfast/");
    assert_holds(said, "   3000000");
    assert_null(memmem(said.data, said.size, "Expect", 6));
    http_destroy(h);
    http_client_destroy(c);
}

static void test_a_connection_is_used_again(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *h = http_create(c, url);
    const int before = *connections;
    (void)state;
    for (int i = 0; i < 5; i++) {
        const struct http_request request = get("/echo");
        assert_int_equal(http_ask(h, &request), HTTP_ANSWERED);
    }
    assert_int_equal(*connections, before + 1);
    http_destroy(h);
    http_client_destroy(c);
}

static void test_several_at_once_and_a_pipe(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *never = http_create(c, url), *soon = http_create(c, url);
    const struct http_request first = get("/never"), second = get("/0");
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    http_start(never, &first);
    http_start(soon, &second);
    while (http_state(soon) == HTTP_BUSY)
        http_client_wait(c, ends[0], second.deadline_ns);
    assert_int_equal(http_state(soon), HTTP_ANSWERED);
    assert_int_equal(http_state(never), HTTP_BUSY);
    assert_int_equal(write(ends[1], "x", 1), 1);
    const int64_t before_ns = clock_now_ns();
    http_client_wait(c, ends[0], before_ns + 10 * CLOCK_S);
    assert_true(clock_now_ns() < before_ns + 5 * CLOCK_S);
    close(ends[0]);
    close(ends[1]);
    http_destroy(never); /* under way */
    http_destroy(soon);
    http_client_destroy(c);
}

static void test_a_deadline(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *h = http_create(c, url);
    struct http_request request = get("/never");
    const int64_t before_ns = clock_now_ns();
    (void)state;
    request.deadline_ns = before_ns + 100 * CLOCK_MS;
    assert_int_equal(http_ask(h, &request), HTTP_FAILED);
    assert_holds(slice_of(http_reason(h)), "out after");
    assert_true(clock_now_ns() < before_ns + 10 * CLOCK_S);
    request = get("/0");
    assert_int_equal(http_ask(h, &request), HTTP_ANSWERED);
    http_destroy(h);
    http_client_destroy(c);
}

static void test_nobody_there(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *h = http_create(c, "http://127.0.0.1:1");
    const struct http_request request = get("/");
    (void)state;
    assert_int_equal(http_ask(h, &request), HTTP_FAILED);
    assert_holds(slice_of(http_reason(h)), "refused");
    http_destroy(h);
    http_client_destroy(c);
}

static void test_a_proxy_but_not_to_this_machine(void **state)
{
    struct http_client *c = http_client_create("");
    struct http *here = http_create(c, url), *there = http_create(c, "http://producer.example");
    const struct http_request request = get("/echo");
    (void)state;
    setenv("http_proxy", url, 1);
    assert_int_equal(http_ask(here, &request), HTTP_ANSWERED);
    assert_holds(http_body(here), "GET /echo HTTP/1.1\r\n");
    assert_int_equal(http_ask(there, &request), HTTP_ANSWERED);
    assert_holds(http_body(there), "GET http://producer.example/echo HTTP/1.1\r\n");
    unsetenv("http_proxy");
    http_destroy(here);
    http_destroy(there);
    http_client_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_answers_and_what_is_none),
        cmocka_unit_test(test_an_endless_answer_is_given_up),
        cmocka_unit_test(test_a_request_says_what_it_should),
        cmocka_unit_test(test_a_connection_is_used_again),
        cmocka_unit_test(test_several_at_once_and_a_pipe),
        cmocka_unit_test(test_a_deadline),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_a_proxy_but_not_to_this_machine),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
