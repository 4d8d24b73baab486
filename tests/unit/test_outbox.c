/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/outbox_scene.h"

enum { WINDOW = 4 };

static void a_lone_line_leaves_at_once(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    scene_add(&f, OUTBOX_NORMAL, "a\n", &w);
    assert_int_equal(f.sent_count, 0);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(w.pending, 1);
    assert_int_equal(strlen(f.sent.first->id), ID_TEXT_SIZE);
    scene_settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.settled, 1);
    assert_int_equal(w.worst, OUTBOX_HELD);
    scene_teardown(&f);
}

static void lines_of_one_round_travel_together(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w[2] = {{0}, {0}};
    (void)state;
    scene_setup(&f);
    scene_add(&f, OUTBOX_NORMAL, "a\n", &w[0]);
    scene_add(&f, OUTBOX_NORMAL, "b\n", &w[0]);
    scene_add(&f, OUTBOX_NORMAL, "c\n", &w[1]);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_true(slice_equals(buffer_slice(&f.sent.first->body), SLICE("a\nb\nc\n")));
    assert_int_equal(f.sent.first->events, 3);
    assert_int_equal(f.sent.first->waiter_count, 2);
    scene_teardown(&f);
    assert_int_equal(f.settled, 2);
    assert_int_equal(w[1].worst, OUTBOX_DROPPED);
}

/* As many messages on their way as go before lines gather. */
static void fill_window(struct outbox_scene *f, struct outbox_waiter *w)
{
    for (size_t i = 1; i <= WINDOW; i++) {
        scene_add(f, OUTBOX_NORMAL, "a\n", w);
        scene_round_ends(f);
        assert_int_equal(f->sent_count, i);
    }
}

static void lines_gather_until_a_confirm(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w[3] = {{0}, {0}, {0}};
    (void)state;
    scene_setup(&f);
    fill_window(&f, &w[0]);
    for (int i = 1; i < 3; i++) {
        scene_add(&f, OUTBOX_NORMAL, "b\n", &w[i]);
        scene_round_ends(&f);
        assert_int_equal(f.sent_count, WINDOW);
    }
    scene_settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.sent_count, WINDOW);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 1);
    assert_int_equal(f.sent.last->events, 2);
    scene_teardown(&f);
}

static void lanes_do_not_wait_for_each_other(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    fill_window(&f, &w);
    scene_add(&f, OUTBOX_NORMAL, "b\n", &w);
    scene_add(&f, OUTBOX_URGENT, "c\n", &w);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 1);
    assert_int_equal(f.sent.last->lane, OUTBOX_URGENT);
    assert_int_equal(w.pending, WINDOW + 2);
    scene_teardown(&f);
    assert_int_equal(f.settled, 1);
}

static void a_full_message_waits_for_nobody(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    fill_window(&f, &w);
    for (int i = 0; i < 512 + 512 + 10; i++)
        scene_add(&f, OUTBOX_NORMAL, "x\n", &w);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 2);
    assert_int_equal(f.sent.last->events, 512);
    scene_settle_oldest(&f, OUTBOX_HELD);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 3);
    assert_int_equal(f.sent.last->events, 10);
    scene_teardown(&f);
}

static void a_large_line_goes_alone(void **state)
{
    static char large[300000];
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    memset(large, 'x', sizeof large - 1);
    scene_add(&f, OUTBOX_NORMAL, "a\n", &w);
    scene_add(&f, OUTBOX_NORMAL, large, &w);
    scene_add(&f, OUTBOX_NORMAL, "b\n", &w);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, 3);
    assert_int_equal(f.sent.first->events, 1);
    assert_int_equal(f.sent.first->next->events, 1);
    assert_int_equal(f.sent.first->next->body.size, sizeof large - 1);
    assert_int_equal(f.sent.last->events, 1);
    scene_teardown(&f);
}

static void the_bounds_count_what_was_sent_too(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    assert_true(outbox_has_room(f.outbox, 10 * SCENE_EVENTS_MAX, 1));
    for (int i = 0; i < SCENE_EVENTS_MAX - 1; i++)
        scene_add(&f, OUTBOX_NORMAL, "x\n", &w);
    scene_round_ends(&f);
    assert_true(outbox_has_room(f.outbox, 1, 10));
    assert_false(outbox_has_room(f.outbox, 2, 10));
    assert_false(outbox_has_room(f.outbox, 1, SCENE_BYTES_MAX));
    scene_settle_oldest(&f, OUTBOX_HELD);
    assert_true(outbox_has_room(f.outbox, 500, 10));
    scene_teardown(&f);
}

static void nothing_leaves_while_closed_and_the_unawaited_is_dropped(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w[2] = {{0}, {0}};
    (void)state;
    scene_setup(&f);
    outbox_open(f.outbox, false);
    for (int i = 0; i < 512; i++)
        scene_add(&f, OUTBOX_NORMAL, "x\n", &w[0]);
    scene_add(&f, OUTBOX_NORMAL, "y\n", &w[1]);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, 0);
    w[0].gone = true;
    outbox_drop_unawaited(f.outbox);
    assert_int_equal(outbox_events(f.outbox), 1);
    assert_int_equal(w[0].worst, OUTBOX_DROPPED);
    outbox_open(f.outbox, true);
    scene_round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(f.sent.first->events, 1);
    scene_teardown(&f);
}

static void the_worst_outcome_counts(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    scene_add(&f, OUTBOX_NORMAL, "a\n", &w);
    scene_add(&f, OUTBOX_URGENT, "b\n", &w);
    scene_round_ends(&f);
    scene_settle_oldest(&f, OUTBOX_REFUSED);
    assert_int_equal(f.settled, 0);
    scene_settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.settled, 1);
    assert_int_equal(w.worst, OUTBOX_REFUSED);
    scene_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_line_leaves_at_once),
        cmocka_unit_test(lines_of_one_round_travel_together),
        cmocka_unit_test(lines_gather_until_a_confirm),
        cmocka_unit_test(lanes_do_not_wait_for_each_other),
        cmocka_unit_test(a_full_message_waits_for_nobody),
        cmocka_unit_test(a_large_line_goes_alone),
        cmocka_unit_test(the_bounds_count_what_was_sent_too),
        cmocka_unit_test(nothing_leaves_while_closed_and_the_unawaited_is_dropped),
        cmocka_unit_test(the_worst_outcome_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
