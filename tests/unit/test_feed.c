/* SPDX-License-Identifier: Apache-2.0 */
/* The feed over a link that is only written down: what it publishes, what it waits for, and what it
 * does when the broker does not answer. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/base/config.h"
#include "common/net/loop.h"
#include "consumer/feed.h"
#include "consumer/meters.h"
#include "tests/unit/fake_link.h"

static struct meters meters;

struct scene {
    struct loop *loop;
    struct config config;
    struct feed *feed;
    struct event_reader *reader;
    char told[256]; /* sizes of the batches that came back */
};

static void on_told(void *arg, struct batch *b)
{
    struct scene *s = arg;
    const size_t used = strlen(s->told);
    snprintf(s->told + used, sizeof s->told - used, "%zu ", b->event_count);
    batch_destroy(b);
}

static const char *told(struct scene *s)
{
    static char copy[sizeof s->told];
    memcpy(copy, s->told, sizeof copy);
    s->told[0] = 0;
    return copy;
}

static void setup_with(struct scene *s, const char *exchange, int64_t patience_s)
{
    static const struct gate_limits limits = {.depth = 64, .members = 1000, .digits = 100000};
    static struct feed_options options;
    *s = (struct scene){.loop = loop_create(), .reader = event_reader_create(&limits)};
    s->config.rabbitmq_exchange = (char *)(uintptr_t)exchange;
    s->config.feed_patience_s = patience_s;
    s->config.feed_asks = 1;
    options = (struct feed_options){&s->config, &meters};
    the_link = (struct link){0};
    s->feed = feed_create(s->loop, &options, on_told, s);
    assert_non_null(s->feed);
}

static void setup(struct scene *s)
{
    setup_with(s, "events", 1);
    fake_link_open();
    assert_string_equal(fake_link_said(), "declare(events) select ");
}

static void teardown(struct scene *s)
{
    feed_destroy(s->feed);
    event_reader_destroy(s->reader);
    loop_destroy(s->loop);
}

static struct delivery *delivery_of(const char *text, enum delivery_form form, bool redelivered)
{
    const struct link_delivery d = {.generation = 1,
                                    .tag = 1,
                                    .redelivered = redelivered,
                                    .content_type = SLICE("application/json"),
                                    .body = slice_of(text)};
    struct delivery *own = delivery_create(&d);
    own->form = form;
    return own;
}

#define LINE(n, type)                                                                              \
    "{\"id\":\"01a1fbb4-0fde-7000-bae5-7a23fb8800" n                                               \
    "\",\"received_at\":\"2026-11-21T01:24:04.190575Z\",\"event_id\":\"e" n                        \
    "\",\"event_type\":\"" type "\",\"severity\":\"info\",\"routing_key\":\"k." type               \
    "\",\"priority\":5}\n"

static struct batch *batch_of(struct scene *s, const char *text, bool redelivered)
{
    struct batch *b = batch_create();
    batch_add(b, s->reader,
              delivery_of(text, text[2] == 'i' ? DELIVERY_LINES : DELIVERY_OBJECT, redelivered));
    batch_seal(b);
    assert_false(b->failed);
    return b;
}

static void tell(struct scene *s, const char *text)
{
    feed_tell(s->feed, batch_of(s, text, false));
}

static void wait_a_second_and_more(struct scene *s)
{
    const struct timeval long_enough = {2, 200000};
    event_base_loopexit(loop_base(s->loop), &long_enough);
    event_base_dispatch(loop_base(s->loop));
}

/* ---- tests ---- */

static void a_batch_comes_back_when_all_of_it_is_confirmed(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    tell(&s, LINE("01", "a") LINE("02", "b"));
    tell(&s, LINE("03", "c"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.b/b/5/0002 k.c/c/5/0003 ");
    fake_link_confirm(3, LINK_ACKED);
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(told(&s), "");
    assert_false(feed_is_idle(s.feed));
    fake_link_confirm(2, LINK_ACKED);
    assert_string_equal(told(&s), "2 1 ");
    assert_true(feed_is_idle(s.feed));
    assert_null(feed_trouble(s.feed));
    teardown(&s);
}

static void only_what_was_stored_is_told(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    struct batch *b =
        batch_of(&s, LINE("01", "a") LINE("02", "b") LINE("03", "c") LINE("04", "d"), false);
    b->events[0].verdict = BATCH_CONFLICT;
    b->events[1].verdict = BATCH_DATA;
    b->events[3].verdict = BATCH_UNREADABLE;
    feed_tell(s.feed, b);
    assert_string_equal(fake_link_said(), "k.c/c/5/0003 ");
    b = batch_of(&s, LINE("01", "a"), false);
    b->events[0].verdict = BATCH_UNREADABLE;
    feed_tell(s.feed, b);
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(told(&s), "4 1 ");
    teardown(&s);
}

static void a_key_nobody_is_bound_to_is_asked_about_once(void **state)
{
    struct scene s;
    const int64_t before = metric_value(meters.feed_unrouted);
    (void)state;
    setup(&s);
    tell(&s, LINE("01", "a") LINE("02", "b") LINE("03", "a") LINE("04", "c") LINE("05", "b")
                 LINE("06", "a"));
    tell(&s, LINE("07", "a"));
    assert_string_equal(fake_link_said(), "?k.a/a/5/0001 ?k.b/b/5/0002 ");
    fake_link_confirm(2, LINK_NACKED); /* refused by one queue, told the others of the key */
    assert_string_equal(fake_link_said(), "");
    fake_link_confirm(1, LINK_RETURNED);
    assert_string_equal(fake_link_said(), "k.c/c/5/0004 k.b/b/5/0005 k.a/a/5/0007 ");
    fake_link_confirm(3, LINK_ACKED);
    fake_link_confirm(4, LINK_ACKED);
    assert_string_equal(told(&s), "6 ");
    assert_int_equal(metric_value(meters.feed_unrouted), before + 3);
    teardown(&s);
}

/* What is no topic exchange may route by more than the key. */
static void an_exchange_of_another_type_is_told_everything(void **state)
{
    struct scene s;
    (void)state;
    setup_with(&s, "events", 1);
    fake_link_come_up();
    fake_link_answer(false, 406);
    fake_link_lose();
    fake_link_come_up();
    fake_link_answer(true, 0);
    assert_string_equal(fake_link_said(), "declare(events) select ");
    tell(&s, LINE("01", "a") LINE("02", "a"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.a/a/5/0002 ");
    fake_link_lose(); /* and is a topic exchange when it is back */
    fake_link_open();
    assert_string_equal(fake_link_said(), "declare(events) select ?k.a/a/5/0001 ");
    teardown(&s);
}

static void nothing_is_asked_when_told_so(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    s.config.feed_asks = 0;
    tell(&s, LINE("01", "a") LINE("02", "a"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 k.a/a/5/0002 ");
    teardown(&s);
}

static void many_keys_are_kept_apart(void **state)
{
    enum { KEYS = 300 };
    struct scene s;
    struct buffer text = {0};
    (void)state;
    setup(&s);
    for (int i = 0; i < 2 * KEYS; i++)
        buffer_printf(&text,
                      "{\"id\":\"01a1fbb4-0fde-7000-bae5-7a23fb88%04d\",\"received_at\":"
                      "\"2026-11-21T01:24:04.190575Z\",\"event_type\":\"x\",\"severity\":"
                      "\"info\",\"routing_key\":\"k.%d\",\"priority\":5}\n",
                      i, i % KEYS);
    buffer_add_byte(&text, 0);
    tell(&s, text.data);
    for (uint64_t tag = 1; tag <= KEYS; tag++)
        fake_link_confirm(tag, tag % 3 == 0 ? LINK_ACKED : LINK_RETURNED);
    assert_int_equal(the_link.tag, KEYS + KEYS / 3);
    buffer_finish(&text);
    teardown(&s);
}

static void a_redelivery_is_told_again_and_a_repetition_is_not(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    struct batch *b = batch_of(&s, LINE("01", "a") LINE("02", "b"), true);
    b->events[0].verdict = b->events[1].verdict = BATCH_DUPLICATE;
    b->events[0].owner = b->events[0].id;
    b->events[1].owner = b->events[0].id;
    feed_tell(s.feed, b);
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 ");
    teardown(&s);
}

static void another_programs_redelivery_is_told_under_the_stored_id(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    for (int redelivered = 0; redelivered < 2; redelivered++) {
        struct batch *b = batch_of(&s, "{\"event_type\":\"x\",\n\"payload\":{}}", redelivered);
        b->events[0].verdict = BATCH_DUPLICATE;
        assert_true(id_parse(SLICE("01a1fbb4-0fde-7000-bae5-7a23fb880077"), &b->events[0].owner));
        feed_tell(s.feed, b);
        assert_string_equal(fake_link_said(), redelivered ? "events.x/x/5/0077 " : "");
    }
    teardown(&s);
}

static void a_lost_link_publishes_again_what_it_held(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    tell(&s, LINE("01", "a") LINE("02", "b"));
    fake_link_said();
    fake_link_confirm(1, LINK_ACKED);
    fake_link_lose();
    tell(&s, LINE("03", "c"));
    assert_string_equal(fake_link_said(), "");
    assert_string_equal(feed_trouble(s.feed), "away");
    fake_link_come_up();
    fake_link_answer(true, 0);
    fake_link_answer(true, 0);
    assert_string_equal(fake_link_said(),
                        "declare(events) select k.a/a/5/0001 k.b/b/5/0002 k.c/c/5/0003 ");
    for (uint64_t tag = 1; tag <= 3; tag++)
        fake_link_confirm(tag, LINK_ACKED);
    assert_string_equal(told(&s), "2 1 ");
    teardown(&s);
}

static void memory_that_ran_out_is_tried_again(void **state)
{
    struct scene s;
    (void)state;
    setup(&s);
    the_link.room = 1;
    tell(&s, LINE("01", "a") LINE("02", "b"));
    assert_string_equal(fake_link_said(), "k.a/a/5/0001 ");
    the_link.room = 5;
    fake_link_confirm(1, LINK_ACKED);
    assert_string_equal(fake_link_said(), "k.b/b/5/0002 ");
    fake_link_confirm(2, LINK_ACKED);
    assert_string_equal(told(&s), "2 ");
    teardown(&s);
}

static void a_refusing_queue_is_counted(void **state)
{
    struct scene s;
    const int64_t before = metric_value(meters.feed_refused);
    (void)state;
    setup(&s);
    tell(&s, LINE("01", "a"));
    fake_link_confirm(1, LINK_NACKED);
    assert_string_equal(told(&s), "1 ");
    assert_int_equal(metric_value(meters.feed_refused), before + 1);
    teardown(&s);
}

static void a_refused_declare_is_gone_without(void **state)
{
    struct scene s;
    (void)state;
    setup_with(&s, "events", 1);
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
    teardown(&s);
}

static void a_blocked_link_is_waited_for_then_not_any_more(void **state)
{
    struct scene s;
    const int64_t before = metric_value(meters.feed_dropped);
    const int64_t pending = metric_value(meters.feed_pending);
    (void)state;
    setup(&s);
    the_link.blocked = true;
    tell(&s, LINE("01", "a"));
    tell(&s, LINE("02", "b"));
    assert_string_equal(fake_link_said(), "");
    assert_string_equal(told(&s), "");
    wait_a_second_and_more(&s);
    assert_string_equal(told(&s), "1 1 ");
    tell(&s, LINE("03", "c"));
    assert_string_equal(told(&s), "1 ");
    assert_int_equal(metric_value(meters.feed_dropped), before + 3);
    assert_int_equal(metric_value(meters.feed_pending), pending);

    /* What can be published is, and the first batch that is confirmed whole ends it. */
    the_link.blocked = false;
    tell(&s, LINE("04", "d") LINE("05", "e"));
    tell(&s, LINE("06", "f"));
    assert_string_equal(fake_link_said(), "k.d/d/5/0004 k.e/e/5/0005 k.f/f/5/0006 ");
    assert_string_equal(told(&s), "2 1 ");
    fake_link_confirm(1, LINK_ACKED);
    fake_link_confirm(3, LINK_ACKED);
    assert_non_null(feed_trouble(s.feed));
    fake_link_confirm(2, LINK_ACKED);
    assert_null(feed_trouble(s.feed));
    tell(&s, LINE("07", "g"));
    assert_string_equal(told(&s), "");
    fake_link_confirm(4, LINK_ACKED);
    assert_string_equal(told(&s), "1 ");
    teardown(&s);
}

static void without_an_end_to_patience_it_waits(void **state)
{
    struct scene s;
    (void)state;
    setup_with(&s, "events", 0);
    tell(&s, LINE("01", "a"));
    wait_a_second_and_more(&s);
    assert_string_equal(told(&s), "");
    assert_non_null(feed_trouble(s.feed));
    teardown(&s);
}

static void an_empty_name_is_no_feed(void **state)
{
    struct scene s;
    (void)state;
    setup_with(&s, "", 1);
    assert_false(feed_is_on(s.feed));
    tell(&s, LINE("01", "a"));
    assert_string_equal(told(&s), "1 ");
    assert_null(feed_trouble(s.feed));
    teardown(&s);
}

static void on_ended(void *arg)
{
    *(bool *)arg = true;
}

static void the_end_is_polite(void **state)
{
    struct scene s;
    bool ended = false;
    (void)state;
    setup(&s);
    feed_end(s.feed, on_ended, &ended);
    assert_true(ended);
    assert_string_equal(fake_link_said(), "close ");
    teardown(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_comes_back_when_all_of_it_is_confirmed),
        cmocka_unit_test(only_what_was_stored_is_told),
        cmocka_unit_test(a_key_nobody_is_bound_to_is_asked_about_once),
        cmocka_unit_test(an_exchange_of_another_type_is_told_everything),
        cmocka_unit_test(nothing_is_asked_when_told_so),
        cmocka_unit_test(many_keys_are_kept_apart),
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
    meters_register(&meters);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
