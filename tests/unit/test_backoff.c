/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/backoff.h"

#include "tests/unit/unit.h"

static void delays_stay_between_base_and_cap(void **state)
{
    struct backoff b = {.base_ns = 100, .cap_ns = 5000};
    (void)state;
    for (int i = 1; i < 1000; i++) {
        const int64_t delay = backoff_next(&b);
        assert_int_in_range(delay, 100, 5000);
        assert_int_equal(b.tries, i);
    }
    backoff_reset(&b);
    assert_int_equal(b.tries, 0);
    assert_int_in_range(backoff_next(&b), 100, 300);
}

static void the_step_spans_base_to_three_times_the_last(void **state)
{
    const struct backoff fresh = {.base_ns = 100, .cap_ns = 5000};
    const struct backoff later = {.base_ns = 100, .cap_ns = 5000, .last_ns = 1000};
    const struct backoff full = {.base_ns = 100, .cap_ns = 5000, .last_ns = 4000};
    (void)state;
    assert_int_equal(backoff_step(&fresh, 0), 100);
    assert_int_equal(backoff_step(&fresh, UINT32_MAX), 300);
    assert_int_equal(backoff_step(&later, UINT32_MAX), 3000);
    assert_int_equal(backoff_step(&full, UINT32_MAX), 5000);
    assert_int_equal(backoff_step(&full, 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_stay_between_base_and_cap),
        cmocka_unit_test(the_step_spans_base_to_three_times_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
