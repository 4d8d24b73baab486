/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/outbox_scene.h"

#include "common/core/clock.h"
#include "tests/unit/unit.h"

static void publish(void *arg, struct outbox_message *m)
{
    struct outbox_scene *s = arg;
    message_list_push(&s->sent, m);
    s->sent_count++;
}

static void on_settled(void *arg, struct outbox_waiter *waiter)
{
    struct outbox_scene *s = arg;
    assert_int_equal(waiter->pending, 0);
    s->settled++;
}

void scene_setup(struct outbox_scene *s)
{
    *s = (struct outbox_scene){.base = event_base_new()};
    s->outbox = outbox_create(
        s->base, SCENE_EVENTS_MAX, SCENE_BYTES_MAX,
        &(struct outbox_handler){
            .publish = publish, .publish_arg = s, .on_settled = on_settled, .settled_arg = s});
    assert_non_null(s->outbox);
    outbox_open(s->outbox, true);
}

void scene_round_ends(struct outbox_scene *s)
{
    event_base_loop(s->base, EVLOOP_NONBLOCK);
}

void scene_settle_oldest(struct outbox_scene *s, enum outbox_outcome outcome)
{
    struct outbox_message *m = message_list_pop(&s->sent);
    assert_non_null(m);
    outbox_settle(s->outbox, m, outcome);
}

/* A message may be kept for lines to come: for milliseconds. */
void scene_teardown(struct outbox_scene *s)
{
    const int64_t end_ns = clock_now_ns() + 10 * CLOCK_S;
    scene_round_ends(s);
    while (outbox_events(s->outbox) > 0 && clock_now_ns() < end_ns) {
        while (s->sent.first != NULL)
            scene_settle_oldest(s, OUTBOX_DROPPED);
        scene_round_ends(s);
    }
    assert_int_equal(outbox_events(s->outbox), 0);
    assert_int_equal(outbox_bytes(s->outbox), 0);
    outbox_destroy(s->outbox);
    event_base_free(s->base);
}

void scene_add(struct outbox_scene *s, enum outbox_lane lane, const char *line,
               struct outbox_waiter *w)
{
    assert_true(outbox_add(s->outbox, lane, slice_of(line), w));
}
