/* SPDX-License-Identifier: Apache-2.0 */
/* What a receipt teaches of this machine's clock. */
#include "producer/follow.h"

#include <string.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "tests/unit/unit.h"

#define HOUR_US (INT64_C(3600) * 1000000)

static struct follow follow;

static int setup(void **state)
{
    (void)state;
    follow = (struct follow){.suspended_ns = clock_suspended_ns()};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    follow_finish(&follow);
    return 0;
}

static int setup_all(void **state)
{
    (void)state;
    if (!metrics_open(1))
        return 1;
    follow_register();
    return 0;
}

static void send(int64_t sent_ns)
{
    char number[RECEIPT_NUMBER_SIZE];
    const uint64_t sent =
        follow_send(&follow, &(struct outbox_message){.events = 1, .sent_ns = sent_ns}, number);
    assert_int_not_equal(sent, 0);
    follow_confirmed(&follow, sent, LINK_ACKED);
}

/* Of all that was sent, by a database whose clock is an hour behind. */
static void come(void)
{
    struct buffer body = {0};
    receipt_write(&body, clock_wall_us() - HOUR_US, &(struct receipt_range){1, 10}, 1);
    follow_receipt(&follow, &(struct link_delivery){.body = buffer_slice(&body)});
    buffer_finish(&body);
    assert_int_equal(follow_waiting(&follow).events, 0);
}

static void it_shows_that_the_clock_is_ahead(void **state)
{
    (void)state;
    send(clock_now_ns() - CLOCK_S);
    come();
    const char *refusal = reference_refusal(&follow.reference);
    assert_non_null(refusal);
    assert_non_null(strstr(refusal, "ahead of the database's"));
}

static void nothing_when_the_machine_was_suspended_meanwhile(void **state)
{
    (void)state;
    send(clock_now_ns() - CLOCK_S);
    follow.suspended_ns -= 3600 * CLOCK_S;
    come();
    assert_null(reference_refusal(&follow.reference));
    send(clock_now_ns());
    come();
    assert_non_null(reference_refusal(&follow.reference));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_shows_that_the_clock_is_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_when_the_machine_was_suspended_meanwhile, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, setup_all, NULL);
}
