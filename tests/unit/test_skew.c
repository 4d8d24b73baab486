/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/skew.h"

#include "common/core/clock.h"

#include "tests/unit/unit.h"

#define S    INT64_C(1000000)
#define HOUR (3600 * S)
#define DAY  (24 * HOUR)
#define NOW  (INT64_C(1790000000) * S) /* of our clock, where nothing else is said */

static int64_t epoch_us; /* stands for the machine's: the test sets our clock */

int64_t clock_epoch_us(void)
{
    return epoch_us;
}

static struct skew told(int64_t reference_us, int64_t took_us)
{
    struct skew s = {0};
    epoch_us = 0;
    skew_learn(&s, reference_us, NOW, NOW + took_us);
    return s;
}

static void nothing_known_is_no_skew(void **state)
{
    const struct skew s = {0};
    (void)state;
    epoch_us = NOW;
    assert_int_equal(skew_us(&s), 0);
    assert_false(skew_is_too_much(&s));
}

static void what_a_reading_proves(void **state)
{
    static const struct {
        const char *what;
        int64_t reference_us, took_us, skew_us;
    } rows[] = {
        {"in the middle", NOW + S, 2 * S, 0},
        {"at the question", NOW, S, 0},
        {"at the answer", NOW + S, S, 0},
        {"we are ahead of it by 10 s when asking, so by that at least", NOW - 10 * S, S, 10 * S},
        {"we are behind by 9 s when answered, so by that at least", NOW + 10 * S, S, -9 * S},
        {"two days ahead", NOW - 2 * DAY, S, 2 * DAY},
        {"the reference is at 1970", 0, S, NOW},
        {"an hour's answer proves nothing of half an hour", NOW + HOUR / 2, HOUR, 0},
        {"but something of three days", NOW + 3 * DAY, HOUR, -(3 * DAY - HOUR)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct skew s = told(rows[i].reference_us, rows[i].took_us);
        if (skew_us(&s) != rows[i].skew_us)
            fail_msg("%s: %lld", rows[i].what, (long long)skew_us(&s));
    }
}

static void five_minutes_are_not_too_much(void **state)
{
    (void)state;
    assert_int_equal(SKEW_MAX_US, 300 * S);
    for (int sign = -1; sign <= 1; sign += 2) {
        const struct skew within = told(NOW + sign * SKEW_MAX_US, 0);
        const struct skew beyond = told(NOW + sign * (SKEW_MAX_US + 1), 0);
        assert_false(skew_is_too_much(&within));
        assert_true(skew_is_too_much(&beyond));
    }
}

static void a_slow_answer_does_not_hide_what_a_quick_one_proved(void **state)
{
    struct skew s = told(NOW - DAY, S);
    (void)state;
    skew_learn(&s, NOW + HOUR - DAY, NOW, NOW + 2 * HOUR);
    assert_int_equal(skew_us(&s), DAY);
}

static void readings_that_agree_narrow_each_other(void **state)
{
    struct skew s = told(NOW + 30 * S, 60 * S); /* from -30 s to 30 s */
    (void)state;
    skew_learn(&s, NOW - 20 * S, NOW, NOW + 60 * S); /* from 20 s to 80 s */
    assert_int_equal(skew_us(&s), 20 * S);
    assert_int_equal(s.most_us, 30 * S);
}

static void a_reference_that_was_set_is_believed(void **state)
{
    struct skew s = told(NOW - 2 * DAY, S);
    (void)state;
    skew_learn(&s, NOW, NOW, NOW + S);
    assert_int_equal(skew_us(&s), 0);
    skew_learn(&s, NOW + DAY, NOW, NOW + S);
    assert_int_equal(skew_us(&s), -(DAY - S));
}

static void a_step_of_our_own_clock_needs_no_reading(void **state)
{
    struct skew s = told(NOW, 0);
    (void)state;
    epoch_us = 2 * DAY;
    assert_int_equal(skew_us(&s), 2 * DAY);
    assert_true(skew_is_too_much(&s));
    epoch_us = -DAY;
    assert_int_equal(skew_us(&s), -DAY);
    epoch_us = 0;
    assert_int_equal(skew_us(&s), 0);
}

static void a_clock_put_right_is_right_before_and_after_the_next_reading(void **state)
{
    struct skew s = told(NOW + 2 * DAY, S);
    (void)state;
    assert_true(skew_is_too_much(&s));
    epoch_us = 2 * DAY;
    assert_false(skew_is_too_much(&s));
    skew_learn(&s, NOW + 2 * DAY, NOW + 2 * DAY, NOW + 2 * DAY + S);
    assert_false(skew_is_too_much(&s));
}

static void a_slow_drift_never_adds_up(void **state)
{
    struct skew s = told(NOW, 0);
    (void)state;
    for (int64_t i = 1; i < 1000; i++) /* 10 ms a reading, asked within 1 ms */
        skew_learn(&s, NOW - i * 10000, NOW, NOW + 1000);
    assert_true(skew_us(&s) >= 999 * 10000 - 1000 && skew_us(&s) <= 999 * 10000);
}

static void an_answer_before_its_question_teaches_nothing(void **state)
{
    struct skew s = {0};
    (void)state;
    skew_learn(&s, NOW + DAY, NOW, NOW - 1);
    assert_false(s.known);
}

static void a_skew_in_words(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "as the database's"},
        {-2 * DAY + 5000, "2 days behind the database's"},
        {2 * DAY - 5000, "2 days ahead of the database's"},
        {HOUR - 400, "1 h ahead of the database's"},
        {5 * 60 * S + 499999, "5 min ahead of the database's"},
        {-2 * DAY - 3 * HOUR - 59 * S, "2 days 3 h behind the database's"},
        {DAY + 30 * S, "1 day ahead of the database's"},
        {400 * DAY, "400 days ahead of the database's"},
        {5 * 60 * S + S, "5 min 1 s ahead of the database's"},
        {-1500000, "1 s 500 ms behind the database's"},
        {-1, "1 us behind the database's"},
        {HOUR, "1 h ahead of the database's"},
        {NOW, "20717 days 14 h ahead of the database's"},
        {INT64_MAX, "106751991 days 4 h ahead of the database's"},
    };
    char text[SKEW_TEXT_SIZE + 1];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        skew_format(rows[i].us, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_no_skew),
        cmocka_unit_test(what_a_reading_proves),
        cmocka_unit_test(five_minutes_are_not_too_much),
        cmocka_unit_test(a_slow_answer_does_not_hide_what_a_quick_one_proved),
        cmocka_unit_test(readings_that_agree_narrow_each_other),
        cmocka_unit_test(a_reference_that_was_set_is_believed),
        cmocka_unit_test(a_step_of_our_own_clock_needs_no_reading),
        cmocka_unit_test(a_clock_put_right_is_right_before_and_after_the_next_reading),
        cmocka_unit_test(a_slow_drift_never_adds_up),
        cmocka_unit_test(an_answer_before_its_question_teaches_nothing),
        cmocka_unit_test(a_skew_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
