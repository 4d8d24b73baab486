/* SPDX-License-Identifier: Apache-2.0 */
/* The feed over a link that is only written down: what it publishes, what it waits for, and what it
 * does when the broker does not answer. */
#include "tests/unit/feed_scene.h"

#include <string.h>

#include <event2/event.h>

#include "common/net/loop.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/unit.h"

static void wait_a_second_and_more(struct feed_scene *s)
{
    const struct timeval long_enough = {2, 200000};
    event_base_loopexit(loop_base(s->loop), &long_enough);
    event_base_dispatch(loop_base(s->loop));
}

static void a_batch_comes_back_when_all_of_it_is_confirmed(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    scene_tell(&s, LINE("01", "a") LINE("02", "b"));
    scene_tell(&s, LINE("03", "c"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.b/b/5/0002 k.c/c/5/0003 ");
    fake_link_confirm(3, LINK_ACKED);
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(scene_told(&s), "");
    assert_false(feed_is_idle(s.feed));
    fake_link_confirm(2, LINK_ACKED);
    assert_string_equal(scene_told(&s), "2 1 ");
    assert_true(feed_is_idle(s.feed));
    assert_null(feed_trouble(s.feed));
    scene_teardown(&s);
}

static void only_what_was_stored_is_told(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    struct batch *b =
        scene_batch(&s, LINE("01", "a") LINE("02", "b") LINE("03", "c") LINE("04", "d"), false);
    b->events[0].verdict = BATCH_CONFLICT;
    b->events[1].verdict = BATCH_DATA;
    b->events[3].verdict = BATCH_UNREADABLE;
    feed_tell(s.feed, b);
    assert_string_equal(fake_link_said(), "k.c/c/5/0003 ");
    b = scene_batch(&s, LINE("01", "a"), false);
    b->events[0].verdict = BATCH_UNREADABLE;
    feed_tell(s.feed, b);
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(scene_told(&s), "4 1 ");
    scene_teardown(&s);
}

static void a_redelivery_is_told_again_and_a_repetition_is_not(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    struct batch *b = scene_batch(&s, LINE("01", "a") LINE("02", "b"), true);
    b->events[0].verdict = b->events[1].verdict = BATCH_DUPLICATE;
    b->events[0].owner = b->events[0].id;
    b->events[1].owner = b->events[0].id;
    feed_tell(s.feed, b);
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 ");
    scene_teardown(&s);
}

static void another_programs_redelivery_is_told_under_the_stored_id(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    for (int redelivered = 0; redelivered < 2; redelivered++) {
        struct batch *b = scene_batch(&s, "{\"event_type\":\"x\",\n\"payload\":{}}", redelivered);
        b->events[0].verdict = BATCH_DUPLICATE;
        assert_true(id_parse(SLICE("01a1fbb4-0fde-7000-bae5-7a23fb880077"), &b->events[0].owner));
        feed_tell(s.feed, b);
        assert_string_equal(fake_link_said(), redelivered ? "events.x/x/5/0077 " : "");
    }
    scene_teardown(&s);
}

static void a_lost_link_publishes_again_what_it_held(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    scene_tell(&s, LINE("01", "a") LINE("02", "b"));
    fake_link_said();
    fake_link_confirm(1, LINK_ACKED);
    fake_link_lose();
    scene_tell(&s, LINE("03", "c"));
    assert_string_equal(fake_link_said(), "");
    assert_string_equal(feed_trouble(s.feed), "away");
    fake_link_come_up();
    fake_link_answer(true, 0);
    fake_link_answer(true, 0);
    assert_string_equal(fake_link_said(),
                        "declare(events) select k.a/a/5/0001 k.b/b/5/0002 k.c/c/5/0003 ");
    for (uint64_t tag = 1; tag <= 3; tag++)
        fake_link_confirm(tag, LINK_ACKED);
    assert_string_equal(scene_told(&s), "2 1 ");
    scene_teardown(&s);
}

static void memory_that_ran_out_is_tried_again(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    the_link.room = 1;
    scene_tell(&s, LINE("01", "a") LINE("02", "b"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 ");
    the_link.room = 5;
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(fake_link_said(), "k.b/b/5/0002 ");
    fake_link_confirm(2, LINK_ACKED);
    assert_string_equal(scene_told(&s), "2 ");
    scene_teardown(&s);
}

static void a_refusing_queue_is_counted(void **state)
{
    struct feed_scene s;
    const int64_t before = metric_value(feed_scene_meters.feed_refused);
    (void)state;
    scene_setup(&s);
    scene_tell(&s, LINE("01", "a"));
    fake_link_confirm(1, LINK_NACKED);
    assert_string_equal(scene_told(&s), "1 ");
    assert_int_equal(metric_value(feed_scene_meters.feed_refused), before + 1);
    scene_teardown(&s);
}

static void a_refused_declare_is_gone_without(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup_with(&s, "events", 1);
    fake_link_come_up();
    fake_link_answer(false, 403);
    fake_link_lose();
    assert_string_equal(fake_link_said(), "declare(events) ");
    fake_link_come_up();
    fake_link_answer(true, 0);
    assert_string_equal(fake_link_said(), "select ");
    fake_link_lose(); /* there is no such exchange, say */
    fake_link_come_up();
    assert_string_equal(fake_link_said(), "declare(events) ");
    scene_teardown(&s);
}

static void a_blocked_link_is_waited_for_then_not_any_more(void **state)
{
    struct feed_scene s;
    const int64_t before = metric_value(feed_scene_meters.feed_dropped);
    const int64_t pending = metric_value(feed_scene_meters.feed_pending);
    (void)state;
    scene_setup(&s);
    the_link.blocked = true;
    scene_tell(&s, LINE("01", "a"));
    scene_tell(&s, LINE("02", "b"));
    assert_string_equal(fake_link_said(), "");
    assert_string_equal(scene_told(&s), "");
    wait_a_second_and_more(&s);
    assert_string_equal(scene_told(&s), "1 1 ");
    scene_tell(&s, LINE("03", "c"));
    assert_string_equal(scene_told(&s), "1 ");
    assert_int_equal(metric_value(feed_scene_meters.feed_dropped), before + 3);
    assert_int_equal(metric_value(feed_scene_meters.feed_pending), pending);

    /* What can be published is, and the first batch that is confirmed whole ends it. */
    the_link.blocked = false;
    scene_tell(&s, LINE("04", "d") LINE("05", "e"));
    scene_tell(&s, LINE("06", "f"));
    assert_string_equal(fake_link_said(), "k.d/d/5/0004 k.e/e/5/0005 k.f/f/5/0006 ");
    assert_string_equal(scene_told(&s), "2 1 ");
    fake_link_confirm(1, LINK_ACKED);
    fake_link_confirm(3, LINK_ACKED);
    assert_non_null(feed_trouble(s.feed));
    fake_link_confirm(2, LINK_ACKED);
    assert_null(feed_trouble(s.feed));
    scene_tell(&s, LINE("07", "g"));
    assert_string_equal(scene_told(&s), "");
    fake_link_confirm(4, LINK_ACKED);
    assert_string_equal(scene_told(&s), "1 ");
    scene_teardown(&s);
}

static void without_an_end_to_patience_it_waits(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup_with(&s, "events", 0);
    scene_tell(&s, LINE("01", "a"));
    wait_a_second_and_more(&s);
    assert_string_equal(scene_told(&s), "");
    assert_non_null(feed_trouble(s.feed));
    scene_teardown(&s);
}

static void an_empty_name_is_no_feed(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup_with(&s, "", 1);
    assert_false(feed_is_on(s.feed));
    scene_tell(&s, LINE("01", "a"));
    assert_string_equal(scene_told(&s), "1 ");
    assert_null(feed_trouble(s.feed));
    scene_teardown(&s);
}

static void on_ended(void *arg)
{
    *(bool *)arg = true;
}

static void the_end_is_polite(void **state)
{
    struct feed_scene s;
    bool ended = false;
    (void)state;
    scene_setup(&s);
    feed_end(s.feed, on_ended, &ended);
    assert_true(ended);
    assert_string_equal(fake_link_said(), "close ");
    scene_teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_comes_back_when_all_of_it_is_confirmed),
        cmocka_unit_test(only_what_was_stored_is_told),
        cmocka_unit_test(a_redelivery_is_told_again_and_a_repetition_is_not),
        cmocka_unit_test(another_programs_redelivery_is_told_under_the_stored_id),
        cmocka_unit_test(a_lost_link_publishes_again_what_it_held),
        cmocka_unit_test(memory_that_ran_out_is_tried_again),
        cmocka_unit_test(a_refusing_queue_is_counted),
        cmocka_unit_test(a_refused_declare_is_gone_without),
        cmocka_unit_test(a_blocked_link_is_waited_for_then_not_any_more),
        cmocka_unit_test(without_an_end_to_patience_it_waits),
        cmocka_unit_test(an_empty_name_is_no_feed),
        cmocka_unit_test(the_end_is_polite),
    };
    if (!metrics_open(1))
        return 1;
    meters_register(&feed_scene_meters);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
