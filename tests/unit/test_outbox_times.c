/* SPDX-License-Identifier: Apache-2.0 */
/* How long the outbox keeps a message for lines to come. */
#include "tests/unit/unit.h"

#include <limits.h>

#include "common/core/clock.h"
#include "producer/gathering.h"
#include "tests/unit/outbox_scene.h"

#define TRICKLE 5

struct trickle {
    struct outbox_scene *f;
    struct outbox_waiter w;
    unsigned rounds, most;
    int64_t round_ns; /* that each takes */
};

/* A line each round of the loop, until a message has left. */
static void on_round(evutil_socket_t fd, short events, void *arg)
{
    static const struct timeval next_round = {0};
    struct trickle *t = arg;
    const int64_t begun_ns = clock_now_ns();
    (void)fd, (void)events;
    if (t->f->sent_count > 0)
        return;
    while (clock_now_ns() - begun_ns < t->round_ns)
        continue;
    scene_add(t->f, OUTBOX_NORMAL, "a\n", &t->w);
    if (++t->rounds < t->most)
        event_base_once(t->f->base, -1, EV_TIMEOUT, on_round, t, &next_round);
}

/* False: this process stood still for longer than a message is kept. */
static bool trickle_in_time(void)
{
    struct outbox_scene f;
    struct trickle t = {.f = &f, .most = TRICKLE};
    const int64_t begun_ns = clock_now_ns();
    scene_setup(&f);
    on_round(-1, 0, &t);
    scene_round_ends(&f);
    const bool in_time = clock_now_ns() - begun_ns < GATHERING_NS_MAX;
    if (in_time) {
        assert_int_equal(f.sent_count, 1);
        assert_int_equal(f.sent.first->events, TRICKLE);
    }
    scene_teardown(&f);
    return in_time;
}

static void lines_that_keep_coming_travel_together(void **state)
{
    unsigned tries = 0;
    (void)state;
    while (!trickle_in_time() && ++tries < 1000)
        continue;
    assert_true(tries < 1000);
}

static void a_message_is_not_kept_for_ever_for_lines_that_keep_coming(void **state)
{
    struct outbox_scene f;
    struct trickle t = {.f = &f, .most = UINT_MAX, .round_ns = CLOCK_MS};
    const int64_t begun_ns = clock_now_ns();
    (void)state;
    scene_setup(&f);
    on_round(-1, 0, &t);
    while (f.sent_count == 0 && clock_now_ns() - begun_ns < 10 * CLOCK_S)
        scene_round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_true(f.sent.first->events < 50); /* by the time, not because it is full */
    scene_teardown(&f);
}

static void an_urgent_line_is_not_kept_for_others(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w = {0};
    (void)state;
    scene_setup(&f);
    scene_add(&f, OUTBOX_URGENT, "a\n", &w);
    event_base_loop(f.base, EVLOOP_ONCE);
    assert_int_equal(f.sent_count, 1);
    scene_teardown(&f);
}

enum { CLIENTS = 100 };

/* All of them in one message, which is confirmed. The time before: they are waited for from then.
 */
static int64_t answer_clients(struct outbox_scene *f, struct outbox_waiter *w)
{
    for (int i = 0; i < CLIENTS; i++)
        scene_add(f, OUTBOX_NORMAL, "a\n", &w[i]);
    scene_round_ends(f);
    assert_int_equal(f->sent_count, 1);
    const int64_t before_ns = clock_now_ns();
    scene_settle_oldest(f, OUTBOX_HELD);
    assert_int_equal(f->settled, CLIENTS);
    return before_ns;
}

static void the_next_lines_of_those_answered_travel_together(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w[CLIENTS] = {{0}};
    (void)state;
    scene_setup(&f);
    const int64_t begun_ns = answer_clients(&f, w);
    for (int i = 0; i < CLIENTS; i++) {
        scene_add(&f, OUTBOX_NORMAL, "b\n", &w[i]);
        if (i % 10 == 0)
            event_base_loop(f.base, EVLOOP_NONBLOCK);
    }
    scene_round_ends(&f);
    /* Unless this process stood still meanwhile. */
    if (clock_now_ns() - begun_ns < GATHERING_NS_MAX) {
        assert_int_equal(f.sent_count, 2);
        assert_int_equal(f.sent.last->events, CLIENTS);
    }
    scene_teardown(&f);
}

static void those_answered_are_not_waited_for_if_they_do_not_come(void **state)
{
    struct outbox_scene f;
    struct outbox_waiter w[CLIENTS] = {{0}};
    (void)state;
    scene_setup(&f);
    (void)answer_clients(&f, w);
    scene_add(&f, OUTBOX_NORMAL, "b\n", &w[0]);
    while (f.sent_count < 2) /* asleep meanwhile */
        assert_int_equal(event_base_loop(f.base, EVLOOP_ONCE), 0);
    assert_int_equal(f.sent.last->events, 1);
    scene_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_keep_coming_travel_together),
        cmocka_unit_test(a_message_is_not_kept_for_ever_for_lines_that_keep_coming),
        cmocka_unit_test(an_urgent_line_is_not_kept_for_others),
        cmocka_unit_test(the_next_lines_of_those_answered_travel_together),
        cmocka_unit_test(those_answered_are_not_waited_for_if_they_do_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
