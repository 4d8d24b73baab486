/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "producer/gathering.h"

#define NOW  (5 * CLOCK_S)
#define EACH GATHERING_NS_EACH

static void a_lone_line_is_kept_for_one_look(void **state)
{
    struct gathering g = {0};
    (void)state;
    assert_int_equal(gathering_look(&g, 1, NOW), 0);
    assert_int_equal(gathering_look(&g, 1, NOW + 1), GATHERING_ENDS);
}

static void lines_that_keep_coming_are_kept_until_the_bound(void **state)
{
    struct gathering g = {0};
    int64_t now_ns = NOW;
    size_t events = 1;
    (void)state;
    while (gathering_look(&g, events++, now_ns) == 0)
        now_ns += GATHERING_NS_MAX / 100;
    assert_int_equal(now_ns, NOW + GATHERING_NS_MAX);
    gathering_end(&g);
    assert_int_equal(gathering_look(&g, 1, now_ns), 0);
}

static void as_many_as_were_answered_are_waited_for(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 10, NOW);
    for (int i = 0; i < 9; i++)
        gathering_came(&g);
    assert_int_equal(gathering_look(&g, 9, NOW + EACH), 9 * EACH);
    assert_int_equal(gathering_look(&g, 9, NOW + 2 * EACH), 8 * EACH);
    gathering_came(&g);
    assert_int_equal(gathering_look(&g, 10, NOW + 3 * EACH), 0);
    assert_int_equal(gathering_look(&g, 10, NOW + 3 * EACH), GATHERING_ENDS);
}

static void the_next_request_of_a_lone_client_is_kept_for_nobody(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 1, NOW);
    gathering_came(&g);
    assert_int_equal(gathering_look(&g, 1, NOW), 0);
    assert_int_equal(gathering_look(&g, 1, NOW), GATHERING_ENDS);
}

static void who_does_not_come_is_waited_for_no_longer_than_its_share(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 10, NOW);
    gathering_came(&g);
    assert_int_equal(gathering_look(&g, 1, NOW + EACH), 9 * EACH);
    assert_int_equal(gathering_look(&g, 1, NOW + 10 * EACH), GATHERING_ENDS);
    gathering_end(&g);
    gathering_came(&g);
    assert_int_equal(gathering_look(&g, 1, NOW + 11 * EACH), 0);
}

static void answers_one_after_another_count_together(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 10, NOW);
    gathering_answered(&g, 5, NOW + EACH);
    assert_int_equal(gathering_look(&g, 1, NOW + EACH), 15 * EACH);
    /* Those that were not waited for any more do not count again. */
    gathering_answered(&g, 5, NOW + 20 * EACH);
    assert_int_equal(gathering_look(&g, 1, NOW + 20 * EACH), 5 * EACH);
}

static void however_many_were_answered_the_bound_holds(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 100000, NOW);
    assert_int_equal(gathering_look(&g, 1, NOW), GATHERING_NS_MAX);
    assert_int_equal(gathering_look(&g, 2, NOW + CLOCK_MS), GATHERING_NS_MAX - CLOCK_MS);
    assert_int_equal(gathering_look(&g, 3, NOW + GATHERING_NS_MAX), GATHERING_ENDS);
}

static void more_requests_than_were_answered_are_no_fault(void **state)
{
    struct gathering g = {0};
    (void)state;
    gathering_answered(&g, 1, NOW);
    gathering_came(&g);
    gathering_came(&g);
    gathering_answered(&g, 1, NOW);
    assert_int_equal(gathering_look(&g, 2, NOW), EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_line_is_kept_for_one_look),
        cmocka_unit_test(lines_that_keep_coming_are_kept_until_the_bound),
        cmocka_unit_test(as_many_as_were_answered_are_waited_for),
        cmocka_unit_test(the_next_request_of_a_lone_client_is_kept_for_nobody),
        cmocka_unit_test(who_does_not_come_is_waited_for_no_longer_than_its_share),
        cmocka_unit_test(answers_one_after_another_count_together),
        cmocka_unit_test(however_many_were_answered_the_bound_holds),
        cmocka_unit_test(more_requests_than_were_answered_are_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
