/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/topology.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/amqp/feed.h"
#include "tests/unit/fake_broker.h"
#include "tests/unit/unit.h"

struct scene {
    struct fake f;
    struct topology t;
};

static void setup(struct scene *s, bool quorum)
{
    topology_init(&s->t, "log_queue", quorum);
    fake_init(&s->f);
    fake_open(&s->f);
    topology_declare(&s->t, s->f.link, fake_answer, &s->f);
}

static void append_argument(char *text, const amqp_table_entry_t *e)
{
    const struct slice value = wire_slice(e->value.value.bytes);
    const size_t used = strlen(text);
    char *to = text + used;
    if (e->value.kind == AMQP_FIELD_KIND_I64)
        snprintf(to, 1024 - used, " %.*s=%lld", SLICE_ARGS(wire_slice(e->key)),
                 (long long)e->value.value.i64);
    else
        snprintf(to, 1024 - used, " %.*s=%.*s", SLICE_ARGS(wire_slice(e->key)), SLICE_ARGS(value));
}

/* The declare the link sent, as words. */
static const char *declared(struct scene *s)
{
    static char text[1024];
    struct evbuffer *out = feed_said(s->f.link);
    struct wire w;
    struct wire_frame frame;
    wire_init(&w);
    assert_int_equal(wire_read(&w, out, &frame), WIRE_FRAME);
    assert_int_equal(frame.method, AMQP_QUEUE_DECLARE_METHOD);
    const amqp_queue_declare_t *m = frame.fields;
    snprintf(text, sizeof text, "%.*s%s%s", SLICE_ARGS(wire_slice(m->queue)),
             m->passive ? " passive" : "", m->durable ? " durable" : "");
    for (int i = 0; i < m->arguments.num_entries; i++)
        append_argument(text, &m->arguments.entries[i]);
    wire_drop(&w, out, &frame);
    wire_finish(&w);
    return text;
}

static void answer(struct scene *s)
{
    amqp_queue_declare_ok_t ok = {.queue = wire_text("q")};
    fake_method(&s->f, AMQP_QUEUE_DECLARE_OK_METHOD, &ok);
}

/* The broker refuses; the channel comes back and the owner declares again. */
static void refuse(struct scene *s, uint16_t code)
{
    amqp_channel_open_ok_t ok = {0};
    fake_close_channel(&s->f, code, "WHY", AMQP_QUEUE_DECLARE_METHOD);
    fake_timer(&s->f);
    fake_method(&s->f, AMQP_CHANNEL_OPEN_OK_METHOD, &ok);
    fake_said(&s->f);
    fake_events(&s->f);
    topology_declare(&s->t, s->f.link, fake_answer, &s->f);
}

#define LANE                                                                                       \
    " durable x-queue-type=quorum x-delivery-limit=1000000 x-dead-letter-exchange= "               \
    "x-dead-letter-routing-key=log_queue.dead x-dead-letter-strategy=at-least-once "               \
    "x-overflow=reject-publish"

/* Looks at the queue, sees it, and compares its arguments. */
static void find(struct scene *s, const char *looked, const char *said)
{
    assert_string_equal(declared(s), looked);
    answer(s);
    assert_string_equal(declared(s), said);
    answer(s);
}

static void quorum_queues_never_drop(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=quorum");
    find(&s, "log_queue passive durable", "log_queue" LANE);
    assert_string_equal(fake_events(&s.f), "");
    find(&s, "log_queue.urgent passive durable", "log_queue.urgent" LANE);
    assert_string_equal(fake_events(&s.f), "ok(0) ");
    assert_false(topology_has_made(&s.t));
    fake_finish(&s.f);
}

static void classic_queues_are_declared_bare(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, false);
    find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=classic");
    find(&s, "log_queue passive durable", "log_queue durable x-queue-type=classic");
    fake_finish(&s.f);
}

static void a_queue_that_was_made_is_told(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=quorum");
    assert_string_equal(declared(&s), "log_queue passive durable");
    refuse(&s, 404);
    assert_string_equal(declared(&s), "log_queue.dead durable x-queue-type=quorum");
    answer(&s);
    assert_string_equal(declared(&s), "log_queue" LANE);
    answer(&s);
    assert_string_equal(declared(&s), "log_queue.urgent" LANE);
    answer(&s);
    assert_true(topology_has_made(&s.t));
    assert_false(topology_has_made(&s.t));
    fake_finish(&s.f);
}

static void a_queue_of_another_shape_is_promised_nothing(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    for (int i = 0; i < 3; i++) {
        find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=quorum");
        assert_string_equal(declared(&s), "log_queue passive durable");
        answer(&s);
        assert_string_equal(declared(&s), "log_queue" LANE);
        refuse(&s, 406);
    }
    fake_finish(&s.f);
}

static void without_the_right_it_only_looks(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    declared(&s);
    answer(&s);
    declared(&s);
    refuse(&s, 403); /* dead */
    assert_string_equal(declared(&s), "log_queue.dead passive durable");
    refuse(&s, 404); /* skipped from now on */
    assert_string_equal(declared(&s), "log_queue passive durable");
    answer(&s);
    assert_string_equal(declared(&s), "log_queue" LANE);
    refuse(&s, 403);
    assert_string_equal(declared(&s), "log_queue passive durable");
    refuse(&s, 404);
    assert_string_equal(declared(&s), "log_queue" LANE);
    fake_finish(&s.f);
}

/* The right to configure is asked for from 4.3 on. */
static void without_the_right_to_look_they_are_taken_to_be_there(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    assert_string_equal(declared(&s), "log_queue.dead passive durable");
    refuse(&s, 403);
    assert_string_equal(declared(&s), "log_queue passive durable");
    refuse(&s, 403);
    assert_string_equal(declared(&s), "log_queue.urgent passive durable");
    refuse(&s, 403);
    assert_string_equal(fake_events(&s.f), "ok(0) ");
    fake_finish(&s.f);
}

static void a_broker_that_is_upgraded_takes_the_right_to_look_away(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    declared(&s);
    answer(&s);
    declared(&s);
    refuse(&s, 403);
    assert_string_equal(declared(&s), "log_queue.dead passive durable");
    refuse(&s, 403);
    assert_string_equal(declared(&s), "log_queue passive durable");
    fake_finish(&s.f);
}

static void what_was_not_there_after_all_is_declared(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    for (int step = 0; step < TOPOLOGY_STEPS; step++) {
        declared(&s);
        refuse(&s, 403);
    }
    topology_look_again(&s.t);
    topology_declare(&s.t, s.f.link, fake_answer, &s.f);
    assert_string_equal(declared(&s), "log_queue.dead durable x-queue-type=quorum");
    fake_finish(&s.f);
}

/* It may not be declared by us, was missing, and is there when we look again. */
static void a_queue_that_another_made_is_told(void **state)
{
    struct scene s;
    (void)state;
    setup(&s, true);
    find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=quorum");
    declared(&s);
    answer(&s);
    assert_string_equal(declared(&s), "log_queue" LANE);
    refuse(&s, 403);
    find(&s, "log_queue.dead passive durable", "log_queue.dead durable x-queue-type=quorum");
    assert_false(topology_has_made(&s.t));
    assert_string_equal(declared(&s), "log_queue passive durable");
    refuse(&s, 404);
    assert_true(topology_has_made(&s.t));
    fake_finish(&s.f);
}

static void names_have_their_limit(void **state)
{
    char name[249] = {0};
    struct topology t;
    (void)state;
    memset(name, 'q', 248);
    topology_init(&t, name, true);
    assert_int_equal(strlen(t.queue[TOPOLOGY_URGENT]), 255);
    assert_int_equal(strlen(t.dead), 253);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_queues_never_drop),
        cmocka_unit_test(classic_queues_are_declared_bare),
        cmocka_unit_test(a_queue_that_was_made_is_told),
        cmocka_unit_test(a_queue_of_another_shape_is_promised_nothing),
        cmocka_unit_test(without_the_right_it_only_looks),
        cmocka_unit_test(without_the_right_to_look_they_are_taken_to_be_there),
        cmocka_unit_test(a_broker_that_is_upgraded_takes_the_right_to_look_away),
        cmocka_unit_test(what_was_not_there_after_all_is_declared),
        cmocka_unit_test(a_queue_that_another_made_is_told),
        cmocka_unit_test(names_have_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
