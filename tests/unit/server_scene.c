/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server_scene.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/app/log.h"
#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/net/probes.h"
#include "common/net/server.h"
#include "tests/unit/http_client.h"
#include "tests/unit/unit.h"

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
                                                    .request_timeout_ns = TIMEOUT_MS * CLOCK_MS,
                                                    .idle_timeout_ns = IDLE_S * CLOCK_S},
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

int scene_start(void **state)
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
int scene_stop(void **state)
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

void scene_tell_to_stop(void)
{
    told_to_stop = kill(child, SIGTERM) == 0;
}

int scene_open(void)
{
    return client_open(port);
}

const char *scene_ask(const char *text)
{
    return client_ask(port, text);
}

void scene_has(const char *answer, const char *wanted)
{
    assert_non_null(answer);
    if (strstr(answer, wanted) == NULL)
        fail_msg("no %s in:\n%s", wanted, answer);
}
