/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/waiting.h"

#include "tests/unit/unit.h"

#define NOW_NS (INT64_C(1000) * 1000000000)
#define OLD_NS (NOW_NS - WAITING_SURE_NS - 1)

static uint64_t send(struct waiting *w, size_t events)
{
    return waiting_send(w, OUTBOX_NORMAL, events, NOW_NS);
}

static int64_t stored(struct waiting *w, uint64_t first, uint64_t last)
{
    return waiting_stored(w, &(struct receipt_range){first, last});
}

static void events_wait_from_confirm_to_receipt(void **state)
{
    struct waiting w = {0};
    (void)state;
    assert_int_equal(waiting_since_ns(&w), 0);
    assert_int_equal(waiting_send(&w, OUTBOX_NORMAL, 512, NOW_NS), 1);
    assert_int_equal(waiting_send(&w, OUTBOX_URGENT, 3, NOW_NS + 5), 2);
    assert_int_equal(w.events, 0);
    waiting_held(&w, 2);
    assert_int_equal(w.events, 3);
    assert_int_equal(waiting_since_ns(&w), NOW_NS + 5);
    waiting_held(&w, 1);
    assert_int_equal(w.events, 515);
    assert_int_equal(waiting_since_ns(&w), NOW_NS);
    assert_int_equal(stored(&w, 1, 2), NOW_NS + 5);
    assert_int_equal(w.events, 0);
    assert_int_equal(w.count, 0);
    waiting_finish(&w);
}

static void a_receipt_before_its_confirm_counts(void **state)
{
    struct waiting w = {0};
    (void)state;
    send(&w, 5);
    send(&w, 6);
    assert_int_equal(stored(&w, 2, 2), NOW_NS);
    waiting_held(&w, 2);
    waiting_held(&w, 1);
    assert_int_equal(w.events, 5);
    waiting_finish(&w);
}

static void what_is_told_twice_or_unknown_changes_nothing(void **state)
{
    struct waiting w = {0};
    (void)state;
    assert_int_equal(stored(&w, 1, UINT64_MAX), 0);
    send(&w, 5);
    send(&w, 6);
    waiting_held(&w, 1);
    waiting_held(&w, 2);
    assert_int_equal(stored(&w, 1, 1), NOW_NS);
    assert_int_equal(stored(&w, 1, 1), 0);
    assert_int_equal(stored(&w, 3, UINT64_MAX - 1), 0);
    assert_int_equal(w.events, 6);
    assert_int_equal(stored(&w, 1, UINT64_MAX - 1), NOW_NS);
    assert_int_equal(w.events, 0);
    waiting_refused(&w, 0);
    waiting_held(&w, 17);
    assert_int_equal(w.events, 0);
    waiting_finish(&w);
}

static void what_the_broker_did_not_take_never_waits(void **state)
{
    struct waiting w = {0};
    (void)state;
    for (int i = 0; i < 5; i++)
        send(&w, 10);
    waiting_held(&w, 2);
    waiting_refused(&w, 1);
    assert_int_equal(w.first, 2);
    waiting_lost(&w, NOW_NS); /* the link went: 3 to 5 are published again under other numbers */
    assert_int_equal(w.events, 10);
    assert_int_equal(w.count, 4);
    assert_int_equal(send(&w, 10), 6);
    assert_int_equal(stored(&w, 2, 2), NOW_NS);
    assert_int_equal(w.first, 6);
    waiting_finish(&w);
}

static void what_is_old_is_doubted_once_its_lane_is_empty(void **state)
{
    struct waiting w = {0};
    (void)state;
    waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 1, OLD_NS));
    waiting_held(&w, waiting_send(&w, OUTBOX_URGENT, 2, OLD_NS));
    waiting_send(&w, OUTBOX_NORMAL, 4, OLD_NS); /* not confirmed */
    waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 8, NOW_NS));
    waiting_lane_seen(&w, OUTBOX_NORMAL, 0, NOW_NS);
    assert_int_equal(w.events, 10);
    waiting_lane_seen(&w, OUTBOX_URGENT, 0, NOW_NS);
    assert_int_equal(w.events, 8);
    assert_int_equal(waiting_since_ns(&w), NOW_NS);
    waiting_held(&w, 3);
    assert_int_equal(w.events, 12);
    waiting_finish(&w);
}

/* Not every login may ask how full a queue is. */
static void what_was_passed_by_a_later_one_is_stored_in_the_end(void **state)
{
    struct waiting w = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 1, OLD_NS + i));
    waiting_held(&w, waiting_send(&w, OUTBOX_URGENT, 10, OLD_NS + 3));
    waiting_watch(&w, NOW_NS);
    assert_int_equal(stored(&w, 2, 2), OLD_NS + 1);
    for (int turn = 1; turn <= 2; turn++) {
        waiting_watch(&w, NOW_NS + turn * WAITING_SURE_NS - 1);
        assert_int_equal(w.events, 12);
        waiting_watch(&w, NOW_NS + turn * WAITING_SURE_NS);
    }
    assert_int_equal(w.events, 11); /* 1 is passed, 3 came later, the other lane is another */
    assert_int_equal(waiting_since_ns(&w), OLD_NS + 2);
    waiting_finish(&w);
}

/* Its receipt would have come to the address of before. */
static void what_was_held_when_the_link_went_is_late_only_where_it_is_seen(void **state)
{
    struct waiting w = {0};
    (void)state;
    waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 1, OLD_NS));
    waiting_lost(&w, OLD_NS + 1);
    assert_int_equal(waiting_late_since_ns(&w), OLD_NS);
    waiting_back(&w, NOW_NS);
    waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 2, NOW_NS + 1));
    assert_int_equal(w.events, 3);
    assert_int_equal(waiting_since_ns(&w), OLD_NS);
    assert_int_equal(waiting_late_since_ns(&w), NOW_NS + 1);
    waiting_lane_seen(&w, OUTBOX_NORMAL, 7, NOW_NS + 2);
    assert_int_equal(waiting_late_since_ns(&w), OLD_NS);
    waiting_watch(&w, NOW_NS + 3 * WAITING_SURE_NS);
    assert_int_equal(w.events, 3);
    waiting_finish(&w);
}

static void what_was_held_when_the_link_went_is_over_in_time_where_nobody_may_look(void **state)
{
    struct waiting w = {0};
    (void)state;
    waiting_held(&w, waiting_send(&w, OUTBOX_URGENT, 1, OLD_NS));
    waiting_lost(&w, OLD_NS + 1);
    waiting_watch(&w, NOW_NS);
    waiting_back(&w, NOW_NS);
    waiting_held(&w, waiting_send(&w, OUTBOX_URGENT, 2, NOW_NS + 1));
    waiting_watch(&w, NOW_NS + WAITING_SURE_NS);
    assert_int_equal(w.events, 3);
    waiting_watch(&w, NOW_NS + 2 * WAITING_SURE_NS);
    assert_int_equal(w.events, 2);
    waiting_finish(&w);
}

static void more_than_can_be_told_apart_are_still_counted(void **state)
{
    struct waiting w = {0};
    (void)state;
    for (size_t i = 0; i < WAITING_APART + 3; i++)
        waiting_held(&w, waiting_send(&w, OUTBOX_NORMAL, 2, OLD_NS));
    assert_int_equal(w.count, WAITING_APART);
    assert_int_equal(w.capacity, WAITING_APART);
    assert_int_equal(w.events, 2 * (WAITING_APART + 3));
    assert_int_equal(stored(&w, 1, WAITING_APART + 3), OLD_NS);
    assert_int_equal(w.events, 6);
    assert_int_equal(waiting_since_ns(&w), OLD_NS);
    waiting_lane_seen(&w, OUTBOX_URGENT, 0, NOW_NS);
    assert_int_equal(w.events, 6);
    waiting_lane_seen(&w, OUTBOX_NORMAL, 0, NOW_NS);
    assert_int_equal(w.events, 0);
    assert_int_equal(waiting_since_ns(&w), 0);
    waiting_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_wait_from_confirm_to_receipt),
        cmocka_unit_test(a_receipt_before_its_confirm_counts),
        cmocka_unit_test(what_is_told_twice_or_unknown_changes_nothing),
        cmocka_unit_test(what_the_broker_did_not_take_never_waits),
        cmocka_unit_test(what_is_old_is_doubted_once_its_lane_is_empty),
        cmocka_unit_test(what_was_passed_by_a_later_one_is_stored_in_the_end),
        cmocka_unit_test(what_was_held_when_the_link_went_is_late_only_where_it_is_seen),
        cmocka_unit_test(what_was_held_when_the_link_went_is_over_in_time_where_nobody_may_look),
        cmocka_unit_test(more_than_can_be_told_apart_are_still_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
