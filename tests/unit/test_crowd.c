/* SPDX-License-Identifier: Apache-2.0 */
/* More clients than a server takes, slow ones and rude ones: good ones are served all the same. */
#include "tests/unit/unit.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "tests/unit/http_client.h"
#include "tests/unit/server_scene.h"

static bool is_closed(int fd)
{
    char byte;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 2000) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static bool is_served(int fd)
{
    char answer[4096];
    client_say(fd, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    client_hear(fd, answer, sizeof answer, "alive\n");
    return strstr(answer, "alive\n") != NULL;
}

/* Whoever closed is gone from the server too. */
static void wait_until_alone(void)
{
    const int64_t end_ns = clock_now_ns() + 5 * CLOCK_S;
    while (strstr(scene_ask("GET /metrics HTTP/1.1\r\n" CLOSE), "holdfast_http_connections 1\n") ==
           NULL)
        assert_true(clock_now_ns() < end_ns);
}

static void the_longest_idle_gives_way_to_a_new_client(void **state)
{
    int fds[CONNECTIONS_MAX];
    (void)state;
    wait_until_alone();
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = scene_open();
        assert_true(is_served(fds[i]));
    }
    assert_true(is_served(fds[0])); /* now the second was idle longest */
    int late[CONNECTIONS_MAX - 1];
    for (int i = 0; i < CONNECTIONS_MAX - 1; i++) {
        late[i] = scene_open();
        assert_true(is_served(late[i]));
        assert_true(is_closed(fds[1 + i]));
    }
    assert_true(is_served(fds[0]));
    for (int i = 0; i < CONNECTIONS_MAX - 1; i++)
        close(late[i]);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void requests_that_hardly_move_give_way_before_idle_clients(void **state)
{
    int slow[CONNECTIONS_MAX - 1];
    char answer[4096];
    (void)state;
    wait_until_alone();
    const int idle = scene_open();
    assert_true(is_served(idle));
    for (int i = 0; i < CONNECTIONS_MAX - 1; i++) {
        slow[i] = scene_open();
        client_say(slow[i], "G");
    }
    poll(NULL, 0, TIMEOUT_MS / 4);
    for (int i = 0; i < CONNECTIONS_MAX - 1; i++) {
        const int late = scene_open();
        assert_true(is_served(late));
        close(late);
    }
    client_hear(slow[0], answer, sizeof answer, NULL);
    assert_true(is_served(idle));
    for (int i = 0; i < CONNECTIONS_MAX - 1; i++)
        close(slow[i]);
    close(idle);
}

static void one_byte_each_shuts_nobody_out(void **state)
{
    int fds[10 * CONNECTIONS_MAX];
    (void)state;
    for (int i = 0; i < 10 * CONNECTIONS_MAX; i++) {
        fds[i] = scene_open();
        client_say(fds[i], "P");
    }
    for (int i = 0; i < 3; i++)
        scene_has(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "alive\n");
    for (int i = 0; i < 10 * CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void an_answer_nobody_reads_gives_way(void **state)
{
    int fds[CONNECTIONS_MAX];
    (void)state;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = scene_open();
        client_say(fds[i], "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    scene_has(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "alive\n");
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void while_handlers_have_all_more_connections_wait(void **state)
{
    int fds[CONNECTIONS_MAX];
    char answer[4096];
    (void)state;
    wait_until_alone();
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = scene_open();
        client_say(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    const int late = scene_open();
    assert_true(is_served(late)); /* when one of them is idle again */
    size_t answered = 0;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        client_hear(fds[i], answer, sizeof answer, "late");
        answered += strstr(answer, "late") != NULL;
    }
    assert_int_equal(answered, CONNECTIONS_MAX);
    close(late);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
}

/* As many as fit into the socket's buffers. */
static void who_pipelines_and_never_reads_makes_nobody_wait(void **state)
{
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
    const int rude = scene_open();
    (void)state;
    while (send(rude, get, sizeof get - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof get - 1)
        continue;
    for (int i = 0; i < 20; i++) {
        const int64_t began_ns = clock_now_ns();
        scene_has(scene_ask("GET /livez HTTP/1.1\r\n" CLOSE), "alive\n");
        assert_true(clock_now_ns() - began_ns < CLOCK_S);
    }
    close(rude);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_idle_gives_way_to_a_new_client),
        cmocka_unit_test(requests_that_hardly_move_give_way_before_idle_clients),
        cmocka_unit_test(one_byte_each_shuts_nobody_out),
        cmocka_unit_test(an_answer_nobody_reads_gives_way),
        cmocka_unit_test(while_handlers_have_all_more_connections_wait),
        cmocka_unit_test(who_pipelines_and_never_reads_makes_nobody_wait),
    };
    return cmocka_run_group_tests(tests, scene_start, scene_stop);
}
