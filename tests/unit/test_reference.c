/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/reference.h"

#include <string.h>

#include "common/core/clock.h"
#include "tests/unit/unit.h"

#define S_US   INT64_C(1000000)
#define DAY_US (86400 * S_US)

/* As if asked and answered within a second, by a database `skew_us` behind us. */
static void learn(struct reference *r, int64_t skew_us)
{
    const int64_t now_us = clock_wall_us();
    reference_learn(r, now_us - S_US / 2 - skew_us, now_us - S_US, now_us);
}

static void a_clock_nobody_judged_is_believed(void **state)
{
    struct reference r = {0};
    (void)state;
    assert_null(reference_refusal(&r));
}

static void what_is_too_much_is_named(void **state)
{
    static const struct {
        int64_t skew_us;
        const char *refusal; /* NULL: none */
    } rows[] = {
        {0, NULL},
        {299 * S_US, NULL},
        {-299 * S_US, NULL},
        {302 * S_US, "this machine's clock is 5 min"},
        {400 * DAY_US + S_US, "this machine's clock is 400 days ahead of the database's"},
        {-2 * DAY_US - S_US, "this machine's clock is 2 days behind the database's"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reference r = {0};
        learn(&r, rows[i].skew_us);
        const char *refusal = reference_refusal(&r);
        if (rows[i].refusal == NULL)
            assert_null(refusal);
        else
            assert_memory_equal(refusal, rows[i].refusal, strlen(rows[i].refusal));
    }
}

static void a_new_reading_mends_it(void **state)
{
    struct reference r = {0};
    (void)state;
    learn(&r, 2 * DAY_US);
    assert_non_null(reference_refusal(&r));
    learn(&r, 0);
    assert_null(reference_refusal(&r));
}

/* Who takes nothing learns nothing: the database's clock may have been the wrong one. */
static void an_old_reading_is_forgotten(void **state)
{
    struct reference r = {0};
    (void)state;
    learn(&r, 2 * DAY_US);
    r.learned_ns -= REFERENCE_NS - CLOCK_S;
    reference_watch(&r);
    assert_non_null(reference_refusal(&r));
    r.learned_ns -= 2 * CLOCK_S;
    reference_watch(&r);
    assert_null(reference_refusal(&r));
    learn(&r, 2 * DAY_US);
    assert_non_null(reference_refusal(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_nobody_judged_is_believed),
        cmocka_unit_test(what_is_too_much_is_named),
        cmocka_unit_test(a_new_reading_mends_it),
        cmocka_unit_test(an_old_reading_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
