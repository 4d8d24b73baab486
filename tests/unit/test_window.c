/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "producer/outbox.h"
#include "producer/window.h"

static struct outbox_message messages[1000];

static void fill(struct window *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        assert_true(window_reserve(w));
        window_add(w, i + 1, &messages[i]);
    }
}

static void confirms_may_come_in_any_order(void **state)
{
    struct window w = {0};
    (void)state;
    fill(&w, 0, 200);
    for (size_t i = 1; i < 200; i += 2)
        assert_ptr_equal(window_take(&w, i + 1), &messages[i]);
    assert_ptr_equal(window_oldest(&w), &messages[0]);
    assert_int_equal(w.count, 100);
    assert_ptr_equal(window_take(&w, 1), &messages[0]);
    assert_ptr_equal(window_oldest(&w), &messages[2]);
    for (size_t i = 198; i > 0; i -= 2)
        assert_ptr_equal(window_take(&w, i + 1), &messages[i]);
    assert_int_equal(w.span, 0);
    assert_null(window_oldest(&w));
    window_finish(&w);
}

static void a_tag_nobody_has_is_nothing(void **state)
{
    struct window w = {0};
    (void)state;
    assert_null(window_take(&w, 0));
    assert_null(window_take(&w, 1));
    fill(&w, 0, 3);
    assert_null(window_take(&w, 0));
    assert_null(window_take(&w, 4));
    assert_ptr_equal(window_take(&w, 2), &messages[1]);
    assert_null(window_take(&w, 2));
    assert_ptr_equal(window_take_oldest(&w), &messages[0]);
    assert_ptr_equal(window_take_oldest(&w), &messages[2]);
    assert_null(window_take_oldest(&w));
    window_finish(&w);
}

static void it_grows_while_it_goes_round(void **state)
{
    struct window w = {0};
    (void)state;
    fill(&w, 0, 50);
    for (size_t i = 0; i < 40; i++)
        assert_ptr_equal(window_take(&w, i + 1), &messages[i]);
    fill(&w, 50, 1000);
    for (size_t i = 40; i < 1000; i++)
        assert_ptr_equal(window_take_oldest(&w), &messages[i]);
    window_finish(&w);
}

static void tags_begin_anew_after_a_reconnect(void **state)
{
    struct window w = {0};
    (void)state;
    fill(&w, 0, 5);
    while (window_take_oldest(&w) != NULL)
        continue;
    fill(&w, 0, 5);
    assert_ptr_equal(window_take(&w, 1), &messages[0]);
    while (window_take_oldest(&w) != NULL)
        continue;
    window_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirms_may_come_in_any_order),
        cmocka_unit_test(a_tag_nobody_has_is_nothing),
        cmocka_unit_test(it_grows_while_it_goes_round),
        cmocka_unit_test(tags_begin_anew_after_a_reconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
