/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <limits.h>
#include <string.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "producer/gathering.h"
#include "producer/outbox.h"

enum { EVENTS_MAX = 2000, BYTES_MAX = 1000000, WINDOW = 4 };

/* What the outbox handed over, and whom it told. */
struct fake {
    struct event_base *base;
    struct outbox *outbox;
    struct message_list sent;
    size_t sent_count, settled;
};

static void publish(void *arg, struct outbox_message *m)
{
    struct fake *f = arg;
    message_list_push(&f->sent, m);
    f->sent_count++;
}

static void on_settled(void *arg, struct outbox_waiter *waiter)
{
    struct fake *f = arg;
    assert_int_equal(waiter->pending, 0);
    f->settled++;
}

static void setup(struct fake *f)
{
    *f = (struct fake){.base = event_base_new()};
    f->outbox = outbox_create(
        f->base, EVENTS_MAX, BYTES_MAX,
        &(struct outbox_handler){
            .publish = publish, .publish_arg = f, .on_settled = on_settled, .settled_arg = f});
    assert_non_null(f->outbox);
    outbox_open(f->outbox, true);
}

static void round_ends(struct fake *f)
{
    event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void settle_oldest(struct fake *f, enum outbox_outcome outcome)
{
    struct outbox_message *m = message_list_pop(&f->sent);
    assert_non_null(m);
    outbox_settle(f->outbox, m, outcome);
}

/* A message may be kept for lines to come: for milliseconds. */
static void teardown(struct fake *f)
{
    const int64_t end_ns = clock_now_ns() + 10 * CLOCK_S;
    round_ends(f);
    while (outbox_events(f->outbox) > 0 && clock_now_ns() < end_ns) {
        while (f->sent.first != NULL)
            settle_oldest(f, OUTBOX_DROPPED);
        round_ends(f);
    }
    assert_int_equal(outbox_events(f->outbox), 0);
    assert_int_equal(outbox_bytes(f->outbox), 0);
    outbox_destroy(f->outbox);
    event_base_free(f->base);
}

static void add(struct fake *f, enum outbox_lane lane, const char *line, struct outbox_waiter *w)
{
    assert_true(outbox_add(f->outbox, lane, slice_of(line), w));
}

static void a_lone_line_leaves_at_once(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    add(&f, OUTBOX_NORMAL, "a\n", &w);
    assert_int_equal(f.sent_count, 0);
    round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(w.pending, 1);
    assert_int_equal(strlen(f.sent.first->id), ID_TEXT_SIZE);
    settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.settled, 1);
    assert_int_equal(w.worst, OUTBOX_HELD);
    teardown(&f);
}

static void lines_of_one_round_travel_together(void **state)
{
    struct fake f;
    struct outbox_waiter w[2] = {{0}, {0}};
    (void)state;
    setup(&f);
    add(&f, OUTBOX_NORMAL, "a\n", &w[0]);
    add(&f, OUTBOX_NORMAL, "b\n", &w[0]);
    add(&f, OUTBOX_NORMAL, "c\n", &w[1]);
    round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_true(slice_equals(buffer_slice(&f.sent.first->body), SLICE("a\nb\nc\n")));
    assert_int_equal(f.sent.first->events, 3);
    assert_int_equal(f.sent.first->waiter_count, 2);
    teardown(&f);
    assert_int_equal(f.settled, 2);
    assert_int_equal(w[1].worst, OUTBOX_DROPPED);
}

#define TRICKLE 5

struct trickle {
    struct fake *f;
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
    add(t->f, OUTBOX_NORMAL, "a\n", &t->w);
    if (++t->rounds < t->most)
        event_base_once(t->f->base, -1, EV_TIMEOUT, on_round, t, &next_round);
}

/* False: this process stood still for longer than a message is kept. */
static bool trickle_in_time(void)
{
    struct fake f;
    struct trickle t = {.f = &f, .most = TRICKLE};
    const int64_t begun_ns = clock_now_ns();
    setup(&f);
    on_round(-1, 0, &t);
    round_ends(&f);
    const bool in_time = clock_now_ns() - begun_ns < GATHERING_NS_MAX;
    if (in_time) {
        assert_int_equal(f.sent_count, 1);
        assert_int_equal(f.sent.first->events, TRICKLE);
    }
    teardown(&f);
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
    struct fake f;
    struct trickle t = {.f = &f, .most = UINT_MAX, .round_ns = CLOCK_MS};
    const int64_t begun_ns = clock_now_ns();
    (void)state;
    setup(&f);
    on_round(-1, 0, &t);
    while (f.sent_count == 0 && clock_now_ns() - begun_ns < 10 * CLOCK_S)
        round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_true(f.sent.first->events < 50); /* by the time, not because it is full */
    teardown(&f);
}

static void an_urgent_line_is_not_kept_for_others(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    add(&f, OUTBOX_URGENT, "a\n", &w);
    event_base_loop(f.base, EVLOOP_ONCE);
    assert_int_equal(f.sent_count, 1);
    teardown(&f);
}

enum { CLIENTS = 100 };

/* All of them in one message, which is confirmed. The time before: they are waited for from then.
 */
static int64_t answer_clients(struct fake *f, struct outbox_waiter *w)
{
    for (int i = 0; i < CLIENTS; i++)
        add(f, OUTBOX_NORMAL, "a\n", &w[i]);
    round_ends(f);
    assert_int_equal(f->sent_count, 1);
    const int64_t before_ns = clock_now_ns();
    settle_oldest(f, OUTBOX_HELD);
    assert_int_equal(f->settled, CLIENTS);
    return before_ns;
}

static void the_next_lines_of_those_answered_travel_together(void **state)
{
    struct fake f;
    struct outbox_waiter w[CLIENTS] = {{0}};
    (void)state;
    setup(&f);
    const int64_t begun_ns = answer_clients(&f, w);
    for (int i = 0; i < CLIENTS; i++) {
        add(&f, OUTBOX_NORMAL, "b\n", &w[i]);
        if (i % 10 == 0)
            event_base_loop(f.base, EVLOOP_NONBLOCK);
    }
    round_ends(&f);
    /* Unless this process stood still meanwhile. */
    if (clock_now_ns() - begun_ns < GATHERING_NS_MAX) {
        assert_int_equal(f.sent_count, 2);
        assert_int_equal(f.sent.last->events, CLIENTS);
    }
    teardown(&f);
}

static void those_answered_are_not_waited_for_if_they_do_not_come(void **state)
{
    struct fake f;
    struct outbox_waiter w[CLIENTS] = {{0}};
    (void)state;
    setup(&f);
    (void)answer_clients(&f, w);
    add(&f, OUTBOX_NORMAL, "b\n", &w[0]);
    while (f.sent_count < 2) /* asleep meanwhile */
        assert_int_equal(event_base_loop(f.base, EVLOOP_ONCE), 0);
    assert_int_equal(f.sent.last->events, 1);
    teardown(&f);
}

/* As many messages on their way as go before lines gather. */
static void fill_window(struct fake *f, struct outbox_waiter *w)
{
    for (size_t i = 1; i <= WINDOW; i++) {
        add(f, OUTBOX_NORMAL, "a\n", w);
        round_ends(f);
        assert_int_equal(f->sent_count, i);
    }
}

static void lines_gather_until_a_confirm(void **state)
{
    struct fake f;
    struct outbox_waiter w[3] = {{0}, {0}, {0}};
    (void)state;
    setup(&f);
    fill_window(&f, &w[0]);
    for (int i = 1; i < 3; i++) {
        add(&f, OUTBOX_NORMAL, "b\n", &w[i]);
        round_ends(&f);
        assert_int_equal(f.sent_count, WINDOW);
    }
    settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.sent_count, WINDOW);
    round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 1);
    assert_int_equal(f.sent.last->events, 2);
    teardown(&f);
}

static void lanes_do_not_wait_for_each_other(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    fill_window(&f, &w);
    add(&f, OUTBOX_NORMAL, "b\n", &w);
    add(&f, OUTBOX_URGENT, "c\n", &w);
    round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 1);
    assert_int_equal(f.sent.last->lane, OUTBOX_URGENT);
    assert_int_equal(w.pending, WINDOW + 2);
    teardown(&f);
    assert_int_equal(f.settled, 1);
}

static void a_full_message_waits_for_nobody(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    fill_window(&f, &w);
    for (int i = 0; i < 512 + 512 + 10; i++)
        add(&f, OUTBOX_NORMAL, "x\n", &w);
    round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 2);
    assert_int_equal(f.sent.last->events, 512);
    settle_oldest(&f, OUTBOX_HELD);
    round_ends(&f);
    assert_int_equal(f.sent_count, WINDOW + 3);
    assert_int_equal(f.sent.last->events, 10);
    teardown(&f);
}

static void a_large_line_goes_alone(void **state)
{
    static char large[300000];
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    memset(large, 'x', sizeof large - 1);
    add(&f, OUTBOX_NORMAL, "a\n", &w);
    add(&f, OUTBOX_NORMAL, large, &w);
    add(&f, OUTBOX_NORMAL, "b\n", &w);
    round_ends(&f);
    assert_int_equal(f.sent_count, 3);
    assert_int_equal(f.sent.first->events, 1);
    assert_int_equal(f.sent.first->next->events, 1);
    assert_int_equal(f.sent.first->next->body.size, sizeof large - 1);
    assert_int_equal(f.sent.last->events, 1);
    teardown(&f);
}

static void the_bounds_count_what_was_sent_too(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    assert_true(outbox_has_room(f.outbox, 10 * EVENTS_MAX, 1));
    for (int i = 0; i < EVENTS_MAX - 1; i++)
        add(&f, OUTBOX_NORMAL, "x\n", &w);
    round_ends(&f);
    assert_true(outbox_has_room(f.outbox, 1, 10));
    assert_false(outbox_has_room(f.outbox, 2, 10));
    assert_false(outbox_has_room(f.outbox, 1, BYTES_MAX));
    settle_oldest(&f, OUTBOX_HELD);
    assert_true(outbox_has_room(f.outbox, 500, 10));
    teardown(&f);
}

static void nothing_leaves_while_closed_and_the_unawaited_is_dropped(void **state)
{
    struct fake f;
    struct outbox_waiter w[2] = {{0}, {0}};
    (void)state;
    setup(&f);
    outbox_open(f.outbox, false);
    for (int i = 0; i < 512; i++)
        add(&f, OUTBOX_NORMAL, "x\n", &w[0]);
    add(&f, OUTBOX_NORMAL, "y\n", &w[1]);
    round_ends(&f);
    assert_int_equal(f.sent_count, 0);
    w[0].gone = true;
    outbox_drop_unawaited(f.outbox);
    assert_int_equal(outbox_events(f.outbox), 1);
    assert_int_equal(w[0].worst, OUTBOX_DROPPED);
    outbox_open(f.outbox, true);
    round_ends(&f);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(f.sent.first->events, 1);
    teardown(&f);
}

static void the_worst_outcome_counts(void **state)
{
    struct fake f;
    struct outbox_waiter w = {0};
    (void)state;
    setup(&f);
    add(&f, OUTBOX_NORMAL, "a\n", &w);
    add(&f, OUTBOX_URGENT, "b\n", &w);
    round_ends(&f);
    settle_oldest(&f, OUTBOX_REFUSED);
    assert_int_equal(f.settled, 0);
    settle_oldest(&f, OUTBOX_HELD);
    assert_int_equal(f.settled, 1);
    assert_int_equal(w.worst, OUTBOX_REFUSED);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_line_leaves_at_once),
        cmocka_unit_test(lines_of_one_round_travel_together),
        cmocka_unit_test(lines_that_keep_coming_travel_together),
        cmocka_unit_test(a_message_is_not_kept_for_ever_for_lines_that_keep_coming),
        cmocka_unit_test(an_urgent_line_is_not_kept_for_others),
        cmocka_unit_test(the_next_lines_of_those_answered_travel_together),
        cmocka_unit_test(those_answered_are_not_waited_for_if_they_do_not_come),
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
