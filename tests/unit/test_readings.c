/* SPDX-License-Identifier: Apache-2.0 */
/* The line of large bodies: how long it is, who is dropped from it, what is kept when it is empty.
 */
#include "tests/unit/unit.h"

#include <malloc.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/call_private.h"
#include "common/net/conn_private.h"
#include "common/net/loop.h"
#include "common/net/router.h"
#include "producer/readings.h"

enum { LARGE_BYTES = 4 * 1024 * 1024, TRIES = 1000 };

static struct conns conns;
static struct readings *readings;
static int clients[READINGS_WAIT_MAX + TRIES];
static size_t client_count, read_count;

static void on_change(void *arg)
{
    (void)arg;
}

static void on_read(void *arg, const struct reading *r)
{
    (void)arg;
    read_count++;
    call_reply(r->request->call, &(struct reply){.status = 204});
}

static int setup(void **state)
{
    (void)state;
    conns = (struct conns){.base = event_base_new(),
                           .router = router_create(),
                           .budget = {.body_bytes_max = LARGE_BYTES},
                           .request_timeout_ns = CLOCK_S,
                           .idle_timeout_ns = CLOCK_S,
                           .max = 1000,
                           .on_change = on_change};
    router_seal(conns.router);
    client_count = read_count = 0;
    readings = readings_create(
        &(struct readings_options){.base = conns.base,
                                   .body_bytes_max = LARGE_BYTES,
                                   .limits = {.gate = {.depth = 8, .members = 100, .digits = 1000},
                                              .event_bytes = 100000,
                                              .batch_events = 100000},
                                   .on_read = on_read});
    return !conns_init(&conns) || readings == NULL;
}

static int teardown(void **state)
{
    (void)state;
    readings_destroy(readings);
    conns_finish(&conns);
    router_destroy(conns.router);
    event_base_free(conns.base);
    while (client_count > 0)
        close(clients[--client_count]);
    return 0;
}

static int setup_all(void **state)
{
    (void)state;
    if (!metrics_open(1))
        return 1;
    loop_register();
    readings_register();
    return 0;
}

/* A request of a client of its own, with so many bytes in its body: lines of an event. */
static struct call *ask(size_t bytes)
{
    static const char head[] =
        "POST /log HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\n\r\n";
    struct call *call = call_take(&conns);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    clients[client_count++] = fds[1];
    conns_add(&conns, fds[0]);
    call->conn = conns.first;
    conns.first->call = call;
    conn_enter(conns.first, CONN_ASKED);
    call->guard.head.method = SLICE("POST");
    const struct slice fields = SLICE(head);
    call->guard.head.fields = (struct slice){fields.data + 20, fields.size - 22};
    do
        buffer_printf(&call->guard.body, "{\"event_type\":\"%0*d\"}\n", bytes < 1000 ? 1 : 90, 1);
    while (call->guard.body.size < bytes);
    call->open = true;
    conns.open_calls++;
    readings_add(readings, &(struct intake_request){.call = call, .door = INTAKE_LOG});
    return call;
}

static void read_all(void)
{
    event_base_loop(conns.base, EVLOOP_NONBLOCK);
    while (conns.open_calls > 0)
        event_base_loop(conns.base, EVLOOP_ONCE);
}

static bool was_told(int client, const char *wanted)
{
    char answer[1000] = "";
    return recv(client, answer, sizeof answer - 1, MSG_DONTWAIT) > 0 &&
           strstr(answer, wanted) != NULL;
}

static void the_line_has_an_end(void **state)
{
    (void)state;
    for (int i = 0; i <= READINGS_WAIT_MAX; i++)
        ask(100000);
    assert_int_equal(conns.open_calls, READINGS_WAIT_MAX);
    assert_true(was_told(clients[READINGS_WAIT_MAX], "Retry-After: 1\r\n"));
    struct buffer text = {0};
    metrics_render(&text);
    buffer_add_byte(&text, '\0');
    assert_non_null(strstr(text.data, "\nholdfast_large_bodies_refused_total 1\n"));
    buffer_finish(&text);
    read_all();
    assert_int_equal(read_count, READINGS_WAIT_MAX);
    assert_true(was_told(clients[READINGS_WAIT_MAX - 1], "HTTP/1.1 204"));
}

static void a_small_body_does_not_stand_in_it(void **state)
{
    (void)state;
    for (int i = 0; i < READINGS_WAIT_MAX; i++)
        ask(100000);
    /* One whose reading is interrupted for a millisecond counts as large, and is turned away. */
    for (int i = 0; i < TRIES && read_count == 0; i++)
        ask(20);
    assert_int_equal(read_count, 1);
    read_all();
    assert_int_equal(read_count, READINGS_WAIT_MAX + 1);
}

static void in_a_full_line_the_heaviest_gives_way(void **state)
{
    (void)state;
    for (int i = 0; i < READINGS_WAIT_MAX; i++)
        call_spend(ask(100000), i == 5 ? CLOCK_S << 30 : CLOCK_S << 10); /* halved meanwhile */
    ask(100000);
    assert_int_equal(conns.open_calls, READINGS_WAIT_MAX);
    assert_true(was_told(clients[5], "Retry-After: 1\r\n"));
    while (read_count == 0)
        event_base_loop(conns.base, EVLOOP_ONCE);
    assert_true(was_told(clients[READINGS_WAIT_MAX], "HTTP/1.1 204"));
    read_all();
    assert_int_equal(read_count, READINGS_WAIT_MAX);
}

static void what_a_connection_cost_is_forgotten(void **state)
{
    const int64_t now_ns = 1000 * CLOCK_S;
    struct conn c = {0};
    (void)state;
    conn_spend(&c, 6 * CLOCK_MS, now_ns);
    conn_spend(&c, 2 * CLOCK_MS, now_ns + CLOCK_MS);
    assert_int_equal(conn_spent_ns(&c, now_ns + CLOCK_MS), 8 * CLOCK_MS);
    assert_int_equal(conn_spent_ns(&c, now_ns + 2 * CLOCK_S), 2 * CLOCK_MS);
    conn_spend(&c, 2 * CLOCK_MS, now_ns + 2 * CLOCK_S);
    assert_int_equal(conn_spent_ns(&c, now_ns + 2 * CLOCK_S), 4 * CLOCK_MS);
    assert_int_equal(conn_spent_ns(&c, now_ns + 100 * CLOCK_S), 0);
}

static void who_has_gone_is_not_read(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(100000);
    conn_destroy(conns.first);
    conn_destroy(conns.first);
    read_all();
    assert_int_equal(read_count, 1);
    assert_true(was_told(clients[0], "HTTP/1.1 204"));
}

/* It may still wait for the answer. */
static void who_has_only_ended_sending_is_read(void **state)
{
    (void)state;
    ask(100000);
    conns.first->ended = true;
    read_all();
    assert_int_equal(read_count, 1);
}

static size_t memory_in_use(void)
{
    const struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

/* Where the allocator does not say, as with a sanitizer's, both are 0. */
static void what_a_large_body_took_is_given_back(void **state)
{
    (void)state;
    ask(100);
    const size_t before = memory_in_use();
    ask(LARGE_BYTES);
    assert_true(before == 0 || memory_in_use() > before + LARGE_BYTES);
    read_all();
    assert_int_equal(read_count, 2);
    assert_true(memory_in_use() <= before + 1024 * 1024);
}

static void all_that_wait_are_refused_together(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        ask(100000);
    readings_refuse_all(readings, "draining", "the producer is stopping");
    assert_int_equal(conns.open_calls, 0);
    assert_int_equal(read_count, 0);
    assert_true(was_told(clients[2], "/problems/draining"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_line_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_body_does_not_stand_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(in_a_full_line_the_heaviest_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_connection_cost_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_gone_is_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_only_ended_sending_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_large_body_took_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(all_that_wait_are_refused_together, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, NULL);
}
