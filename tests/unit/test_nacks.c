/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "common/core/clock.h"
#include "producer/nacks.h"

#define START (1000 * CLOCK_S)

static void a_lane_that_is_nacked_for_a_while_is_too_much(void **state)
{
    struct nacks n = {0};
    (void)state;
    assert_false(nacks_are_too_many(&n, START));
    nacks_add(&n, START);
    nacks_add(&n, START + CLOCK_S / 4);
    assert_false(nacks_are_too_many(&n, START + CLOCK_S / 4));
    assert_true(nacks_are_too_many(&n, START + 2 * CLOCK_S));
}

static void what_is_taken_in_between_makes_it_begin_anew(void **state)
{
    struct nacks n = {0};
    (void)state;
    nacks_add(&n, START);
    nacks_end(&n);
    assert_false(nacks_are_too_many(&n, START + 100 * CLOCK_S));
    nacks_add(&n, START + 100 * CLOCK_S);
    assert_false(nacks_are_too_many(&n, START + 100 * CLOCK_S + CLOCK_S / 4));
}

/* How long the `round`th connection on which all is nacked is kept. */
static int64_t limit_of(struct nacks *n, int round)
{
    const int64_t now_ns = START + round * 1000 * CLOCK_S;
    nacks_add(n, now_ns);
    const int64_t limit_ns = n->limit_ns;
    assert_false(nacks_are_too_many(n, now_ns + limit_ns - 1));
    assert_true(nacks_are_too_many(n, now_ns + limit_ns));
    nacks_void(n);
    assert_false(nacks_are_too_many(n, now_ns + limit_ns));
    return limit_ns;
}

static void each_connection_in_vain_is_kept_longer(void **state)
{
    struct nacks n = {0};
    int64_t sum_ns = 0;
    (void)state;
    assert_true(limit_of(&n, 0) <= 3 * CLOCK_S / 2);
    for (int round = 1; round < 200; round++) {
        const int64_t limit_ns = limit_of(&n, round);
        assert_int_in_range(limit_ns, CLOCK_S / 2, 60 * CLOCK_S);
        sum_ns += limit_ns;
    }
    assert_true(sum_ns > 200 * 5 * CLOCK_S);
    nacks_end(&n);
    assert_true(limit_of(&n, 200) <= 3 * CLOCK_S / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lane_that_is_nacked_for_a_while_is_too_much),
        cmocka_unit_test(what_is_taken_in_between_makes_it_begin_anew),
        cmocka_unit_test(each_connection_in_vain_is_kept_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
