/* SPDX-License-Identifier: Apache-2.0 */
/* Settling, with the link's two calls replaced by a written record. */
#include "consumer/settle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/amqp/link.h"
#include "common/core/buffer.h"
#include "tests/unit/unit.h"

static struct buffer record; /* "ack 3+ requeue 5 " */

void link_ack(struct link *l, uint64_t generation, uint64_t tag, bool multiple)
{
    (void)l, (void)generation;
    buffer_printf(&record, "ack %" PRIu64 "%s ", tag, multiple ? "+" : "");
}

void link_requeue(struct link *l, uint64_t generation, uint64_t tag)
{
    (void)l, (void)generation;
    buffer_printf(&record, "requeue %" PRIu64 " ", tag);
}

static void said(const char *text)
{
    buffer_add_byte(&record, 0);
    assert_string_equal(record.data, text);
    buffer_clear(&record);
}

static struct settle *begin(struct settle *s, uint64_t tags)
{
    settle_init(s);
    settle_open(s, NULL, 7);
    for (uint64_t tag = 1; tag <= tags; tag++)
        assert_true(settle_delivered(s, tag));
    return s;
}

static void a_run_is_acknowledged_as_one(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 5);
    for (uint64_t tag = 1; tag <= 3; tag++)
        settle_committed(&s, 7, tag);
    said("");
    settle_flush(&s);
    said("ack 3+ ");
    assert_int_equal(settle_open_count(&s), 2);
    assert_true(settle_oldest_ns(&s) > 0);
    settle_committed(&s, 7, 4);
    settle_flush(&s);
    said("ack 4 ");
    settle_flush(&s);
    said("");
    settle_finish(&s);
}

static void a_tag_waits_for_those_before_it(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 4);
    settle_committed(&s, 7, 2);
    settle_committed(&s, 7, 4);
    settle_flush(&s);
    said("");
    settle_committed(&s, 7, 1);
    settle_flush(&s);
    said("ack 2+ ");
    settle_committed(&s, 7, 3);
    settle_flush(&s);
    said("ack 4+ ");
    assert_int_equal(settle_open_count(&s), 0);
    settle_finish(&s);
}

static void requeued_tags_are_not_acknowledged(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 4);
    settle_requeue(&s, 7, 2);
    settle_requeue(&s, 7, 4);
    said("requeue 2 requeue 4 ");
    settle_committed(&s, 7, 1);
    settle_flush(&s);
    said("ack 1 ");
    settle_requeue(&s, 7, 3);
    settle_flush(&s);
    said("requeue 3 ");
    assert_int_equal(settle_open_count(&s), 0);
    settle_finish(&s);
}

static void before_a_gap_is_left_what_lies_behind_it_is_acknowledged(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 5);
    settle_committed(&s, 7, 1);
    settle_committed(&s, 7, 3);
    settle_committed(&s, 7, 5);
    settle_flush_all(&s);
    said("ack 1 ack 3 ack 5 ");
    settle_committed(&s, 7, 2);
    settle_committed(&s, 7, 4);
    settle_flush(&s);
    said("ack 4+ ");
    settle_finish(&s);
}

static void an_old_generation_is_void(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 3);
    settle_void(&s);
    settle_committed(&s, 7, 1);
    settle_requeue(&s, 7, 2);
    settle_flush_all(&s);
    settle_open(&s, NULL, 8);
    assert_true(settle_delivered(&s, 1));
    settle_committed(&s, 7, 1);
    settle_flush_all(&s);
    said("");
    settle_committed(&s, 8, 1);
    settle_flush(&s);
    said("ack 1 ");
    settle_finish(&s);
}

static void a_tag_out_of_order_is_refused(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 2);
    assert_false(settle_delivered(&s, 2));
    assert_false(settle_delivered(&s, 4));
    assert_true(settle_delivered(&s, 3));
    settle_void(&s);
    assert_false(settle_delivered(&s, 1));
    settle_finish(&s);
}

static void the_ring_grows_over_what_is_open(void **state)
{
    struct settle s;
    (void)state;
    begin(&s, 1000);
    for (uint64_t tag = 1; tag <= 900; tag++)
        settle_committed(&s, 7, tag);
    settle_flush(&s);
    for (uint64_t tag = 1001; tag <= 5000; tag++)
        assert_true(settle_delivered(&s, tag));
    settle_committed(&s, 7, 902);
    for (uint64_t tag = 903; tag <= 5000; tag++)
        settle_committed(&s, 7, tag);
    settle_flush(&s);
    said("ack 900+ ");
    settle_committed(&s, 7, 901);
    settle_flush(&s);
    said("ack 5000+ ");
    settle_finish(&s);
    buffer_finish(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_acknowledged_as_one),
        cmocka_unit_test(a_tag_waits_for_those_before_it),
        cmocka_unit_test(requeued_tags_are_not_acknowledged),
        cmocka_unit_test(before_a_gap_is_left_what_lies_behind_it_is_acknowledged),
        cmocka_unit_test(an_old_generation_is_void),
        cmocka_unit_test(a_tag_out_of_order_is_refused),
        cmocka_unit_test(the_ring_grows_over_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
