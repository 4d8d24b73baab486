/* SPDX-License-Identifier: Apache-2.0 */
/* What the feed asks before it tells: fake_link writes a mandatory message down with a "?". */
#include "tests/unit/feed_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_link.h"
#include "tests/unit/unit.h"

static void a_key_nobody_is_bound_to_is_asked_about_once(void **state)
{
    struct feed_scene s;
    const int64_t before = metric_value(feed_scene_meters.feed_unrouted);
    (void)state;
    scene_setup(&s);
    scene_tell(&s, LINE("01", "a") LINE("02", "b") LINE("03", "a") LINE("04", "c") LINE("05", "b")
                       LINE("06", "a"));
    scene_tell(&s, LINE("07", "a"));
    assert_string_equal(fake_link_said(), "?k.a/a/5/0001 ?k.b/b/5/0002 ");
    fake_link_confirm(2, LINK_NACKED); /* refused by one queue, told the others of the key */
    assert_string_equal(fake_link_said(), "");
    fake_link_confirm(1, LINK_RETURNED);
    assert_string_equal(fake_link_said(), "k.c/c/5/0004 k.b/b/5/0005 k.a/a/5/0007 ");
    fake_link_confirm(3, LINK_ACKED);
    fake_link_confirm(4, LINK_ACKED);
    assert_string_equal(scene_told(&s), "6 ");
    assert_int_equal(metric_value(feed_scene_meters.feed_unrouted), before + 3);
    scene_teardown(&s);
}

/* What is no topic exchange may route by more than the key. */
static void an_exchange_of_another_type_is_told_everything(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup_with(&s, "events", 1);
    fake_link_come_up();
    fake_link_answer(false, 406);
    fake_link_lose();
    fake_link_come_up();
    fake_link_answer(true, 0);
    assert_string_equal(fake_link_said(), "declare(events) select ");
    scene_tell(&s, LINE("01", "a") LINE("02", "a"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.a/a/5/0002 ");
    fake_link_lose(); /* and is a topic exchange when it is back */
    fake_link_open();
    assert_string_equal(fake_link_said(), "declare(events) select ?k.a/a/5/0001 ");
    scene_teardown(&s);
}

static void nothing_is_asked_when_told_so(void **state)
{
    struct feed_scene s;
    (void)state;
    scene_setup(&s);
    s.config.feed_asks = 0;
    scene_tell(&s, LINE("01", "a") LINE("02", "a"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.a/a/5/0002 ");
    scene_teardown(&s);
}

static void many_keys_are_kept_apart(void **state)
{
    enum { KEYS = 300 };
    struct feed_scene s;
    struct buffer text = {0};
    (void)state;
    scene_setup(&s);
    for (int i = 0; i < 2 * KEYS; i++)
        buffer_printf(&text,
                      "{\"id\":\"01a1fbb4-0fde-7000-bae5-7a23fb88%04d\",\"received_at\":"
                      "\"2026-11-21T01:24:04.190575Z\",\"event_type\":\"x\",\"severity\":"
                      "\"info\",\"routing_key\":\"k.%d\",\"priority\":5}\n",
                      i, i % KEYS);
    buffer_add_byte(&text, 0);
    scene_tell(&s, text.data);
    for (uint64_t tag = 1; tag <= KEYS; tag++)
        fake_link_confirm(tag, tag % 3 == 0 ? LINK_ACKED : LINK_RETURNED);
    assert_int_equal(the_link.tag, KEYS + KEYS / 3);
    buffer_finish(&text);
    scene_teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_nobody_is_bound_to_is_asked_about_once),
        cmocka_unit_test(an_exchange_of_another_type_is_told_everything),
        cmocka_unit_test(nothing_is_asked_when_told_so),
        cmocka_unit_test(many_keys_are_kept_apart),
    };
    if (!metrics_open(1))
        return 1;
    meters_register(&feed_scene_meters);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
