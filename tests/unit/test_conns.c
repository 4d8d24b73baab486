/* SPDX-License-Identifier: Apache-2.0 */
/* Who has to go when another comes. */
#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/conn_private.h"
#include "common/net/loop.h"
#include "common/net/router.h"

static struct conns conns;
static int client; /* the other end of the only connection */

static void on_change(void *arg)
{
    (void)arg;
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
    router_seal(conns.router);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_just_come_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newcomer_who_says_nothing_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newcomer_whose_bytes_wait_for_their_turn_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(waiting_for_a_turn_does_not_keep_who_has_asked_before,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, NULL);
}
