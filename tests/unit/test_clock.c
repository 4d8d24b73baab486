/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/clock.h"

#include <string.h>

#include "tests/unit/unit.h"

static void good_times_become_canonical(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000000Z"},
        {"2026-11-21t12:00:00z", "2026-11-21T12:00:00.000000Z"},
        {"2026-11-21 12:00:00", "2026-11-21T12:00:00.000000Z"},
        {"2026-11-21T12:00:00.5", "2026-11-21T12:00:00.500000Z"},
        {"2026-11-21T12:00:00.123456789Z", "2026-11-21T12:00:00.123456Z"},
        {"2026-11-21T12:00:00+02:00", "2026-11-21T10:00:00.000000Z"},
        {"2026-11-21T00:30:00+01:00", "2026-11-20T23:30:00.000000Z"},
        {"2024-02-29T23:59:59.999999-00:30", "2024-03-01T00:29:59.999999Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"2017-01-01T00:59:60.7+01:00", "2017-01-01T00:00:00.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
        {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000000Z"},
        {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CLOCK_TEXT_SIZE + 1];
        int64_t us;
        assert_true(clock_parse(slice_of(rows[i].text), &us));
        clock_format(us, text);
        assert_string_equal(text, rows[i].canonical);
    }
}

static void bad_times_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T12:00Z",
        "2026-11-21T12:00:00.Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:61Z",
        "2026-11-21T12:00:60Z",
        "2026-11-21T12:00:00+24:00",
        "2026-11-21T12:00:00+0200",
        "2026-11-21T12:00:00 Z",
        "2026-11-21T12:00:00Zx",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "02026-11-21T12:00:00Z",
        "+2026-11-21T12:00:00Z",
        "2026-1-21T12:00:00Z",
        "now",
        "1763726400",
        "2026-11-21T12:00:00,5Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = 42;
        if (clock_parse(slice_of(rows[i]), &us))
            fail_msg("taken: %s", rows[i]);
        assert_int_equal(us, 42);
    }
}

static void every_day_of_four_centuries_comes_back(void **state)
{
    int64_t us;
    char text[CLOCK_TEXT_SIZE + 1], again[CLOCK_TEXT_SIZE + 1];
    (void)state;
    for (int64_t day = -80000; day < 80000; day++) {
        clock_format(day * 86400 * INT64_C(1000000) + 1, text);
        assert_true(clock_parse((struct slice){text, CLOCK_TEXT_SIZE}, &us));
        assert_int_equal(us, day * 86400 * INT64_C(1000000) + 1);
        clock_format(us, again);
        assert_string_equal(text, again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_times_become_canonical),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(every_day_of_four_centuries_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
