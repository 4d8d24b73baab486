/* SPDX-License-Identifier: Apache-2.0 */
/* Who has to go when another comes. */
#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/conn_private.h"
#include "common/net/loop.h"
#include "common/net/router.h"

static struct conns conns;
static int client; /* the other end of the only connection */

static size_t order[32], ordered; /* connections as they were answered, by their cost */

static void on_change(void *arg)
{
    (void)arg;
}

static void on_get(struct call *c, void *arg)
{
    (void)arg;
    order[ordered++] = call_spent_ns(c) > CALL_HEAVY_NS;
    call_reply(c, &(struct reply){.status = 204});
}

static int setup(void **state)
{
    int fds[2];
    (void)state;
    conns = (struct conns){.base = event_base_new(),
                           .router = router_create(),
                           .request_timeout_ns = 16 * CLOCK_S,
                           .idle_timeout_ns = 90 * CLOCK_S,
                           .max = 1,
                           .on_change = on_change};
    router_add(conns.router, &(struct route){"GET", "/", on_get, NULL});
    router_seal(conns.router);
    ordered = 0;
    if (!conns_init(&conns) || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 1;
    client = fds[1];
    conns_add(&conns, fds[0]);
    return conns.first == NULL;
}

static int teardown(void **state)
{
    (void)state;
    conns_finish(&conns);
    router_destroy(conns.router);
    event_base_free(conns.base);
    close(client);
    return 0;
}

static int setup_all(void **state)
{
    (void)state;
    if (!metrics_open(1))
        return 1;
    loop_register();
    return 0;
}

static void who_has_just_come_stays(void **state)
{
    (void)state;
    conns.first->since_ns = clock_now_ns() + CLOCK_S; /* this moment, however slow the machine is */
    assert_false(conns_shed(&conns));
}

static void a_newcomer_who_says_nothing_goes(void **state)
{
    (void)state;
    conns.first->since_ns -= CLOCK_S;
    assert_true(conns_shed(&conns));
    assert_null(conns.first);
}

static void a_newcomer_whose_bytes_wait_for_their_turn_stays(void **state)
{
    (void)state;
    conns_wait_turn(conns.first);
    conns.first->since_ns -= CLOCK_S;
    assert_false(conns_shed(&conns));
    assert_non_null(conns.first);
}

static void waiting_for_a_turn_does_not_keep_who_has_asked_before(void **state)
{
    (void)state;
    conns.first->asked_before = true;
    conns_wait_turn(conns.first);
    conns.first->since_ns -= 2 * CLOCK_S;
    assert_true(conns_shed(&conns));
}

/* Has a request in its buffer and waits in line. */
static void wait_with_a_request(int64_t spent_ns, int *out_client)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *out_client = fds[1];
    conns_add(&conns, fds[0]);
    struct evbuffer *input = bufferevent_get_input(conns.first->bev);
    assert_int_equal(evbuffer_unfreeze(input, 0), 0);
    assert_int_equal(evbuffer_add(input, request, sizeof request - 1), 0);
    conn_spend(conns.first, spent_ns, clock_now_ns());
    conns_wait_turn(conns.first);
}

static void who_cost_little_goes_first_and_who_cost_much_is_not_forgotten(void **state)
{
    enum { LIGHT = 20, HEAVY = 3 };
    int clients[LIGHT + HEAVY];
    (void)state;
    for (int i = 0; i < LIGHT + HEAVY; i++)
        wait_with_a_request(i < HEAVY ? CLOCK_S << 20 : 0, &clients[i]);
    while (ordered < LIGHT + HEAVY)
        event_base_loop(conns.base, EVLOOP_ONCE);
    for (size_t i = 0; i < LIGHT + HEAVY; i++) {
        assert_int_equal(order[i], i % 8 == 0);
        close(clients[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_just_come_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newcomer_who_says_nothing_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newcomer_whose_bytes_wait_for_their_turn_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(waiting_for_a_turn_does_not_keep_who_has_asked_before,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            who_cost_little_goes_first_and_who_cost_much_is_not_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, NULL);
}
