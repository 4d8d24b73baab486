/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/resends.h"

#include <string.h>

#include "common/app/metrics.h"
#include "tests/unit/unit.h"

static struct resends *resends;

static int setup(void **state)
{
    (void)state;
    if (!metrics_open(1))
        return 1;
    resends_register();
    return 0;
}

static int begin(void **state)
{
    (void)state;
    resends = resends_create(4);
    return resends == NULL;
}

static int end(void **state)
{
    (void)state;
    resends_destroy(resends);
    return 0;
}

static struct resend record(uint8_t said, uint8_t id)
{
    struct resend r = {.again = false};
    memset(r.said, said, sizeof r.said);
    memset(r.id.bytes, id, sizeof r.id.bytes);
    return r;
}

static void keep(uint8_t said, uint8_t id, int64_t now_ns)
{
    struct resend_list list = {0};
    const struct resend r = record(said, id);
    assert_true(resend_list_add(&list, &r));
    resends_keep(resends, &list, now_ns);
    resend_list_finish(&list);
}

/* The id it has, 0 for none. */
static uint8_t take(uint8_t said, int64_t now_ns)
{
    struct id id = {{0}};
    const struct resend r = record(said, 0);
    return resends_take(resends, r.said, now_ns, &id) ? id.bytes[0] : 0;
}

static void a_record_is_taken_once(void **state)
{
    (void)state;
    assert_int_equal(take(1, 0), 0);
    keep(1, 10, 0);
    assert_int_equal(take(2, 0), 0);
    assert_int_equal(take(1, 0), 10);
    assert_int_equal(take(1, 0), 0);
}

static void equal_ones_have_an_id_each(void **state)
{
    (void)state;
    keep(1, 10, 0);
    keep(1, 11, 0);
    assert_int_equal(take(1, 0) + take(1, 0), 21);
    assert_int_equal(take(1, 0), 0);
}

static void when_it_is_full_the_oldest_is_forgotten(void **state)
{
    (void)state;
    for (uint8_t i = 1; i <= 6; i++)
        keep(i, i, i);
    assert_int_equal(take(1, 6), 0);
    assert_int_equal(take(2, 6), 0);
    for (uint8_t i = 3; i <= 6; i++)
        assert_int_equal(take(i, 6), i);
}

/* What is taken from the middle makes room when its turn has come. */
static void taken_ones_make_room(void **state)
{
    (void)state;
    for (uint8_t round = 0; round < 50; round++) {
        keep(1, 1, round);
        keep(2, 2, round);
        assert_int_equal(take(1, round), 1);
        keep(3, 3, round);
        assert_int_equal(take(3, round), 3);
        assert_int_equal(take(2, round), 2);
    }
}

static void after_its_time_it_is_forgotten(void **state)
{
    (void)state;
    keep(1, 10, 0);
    keep(2, 20, CLOCK_S);
    assert_int_equal(take(1, RESENDS_KEPT_NS + 1), 0);
    assert_int_equal(take(2, RESENDS_KEPT_NS + 1), 20);
    for (uint8_t i = 3; i <= 6; i++) /* and makes room */
        keep(i, i, 2 * RESENDS_KEPT_NS);
    assert_int_equal(take(3, 2 * RESENDS_KEPT_NS), 3);
}

static void what_was_never_sent_is_not_remembered(void **state)
{
    struct resend_list list = {0};
    struct resend fresh = record(1, 10), again = record(2, 20);
    (void)state;
    again.again = true;
    assert_true(resend_list_add(&list, &fresh));
    assert_true(resend_list_add(&list, &again));
    resends_put_back(resends, &list, 0);
    assert_int_equal(take(1, 0), 0);
    assert_int_equal(take(2, 0), 20);
    resend_list_finish(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_taken_once, begin, end),
        cmocka_unit_test_setup_teardown(equal_ones_have_an_id_each, begin, end),
        cmocka_unit_test_setup_teardown(when_it_is_full_the_oldest_is_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(taken_ones_make_room, begin, end),
        cmocka_unit_test_setup_teardown(after_its_time_it_is_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(what_was_never_sent_is_not_remembered, begin, end),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
