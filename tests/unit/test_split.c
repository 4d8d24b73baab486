/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/split.h"

#include "tests/unit/unit.h"

#define EVENTS_MAX 4096

/* Searches for the marked among `events`; returns how many pieces it took. */
static unsigned search(const bool *marked, size_t events, bool *found)
{
    struct split s;
    unsigned pieces = 0;
    split_begin(&s, events);
    while (!split_is_done(&s)) {
        const struct split_piece piece = split_piece(&s);
        bool refused = false;
        size_t event;
        for (size_t i = piece.begin; i < piece.end; i++)
            refused = refused || marked[i];
        if (!refused)
            split_was_taken(&s);
        else if (split_was_refused(&s, &event))
            found[event] = true;
        pieces++;
    }
    return pieces;
}

static void all_culprits_are_found_and_nobody_else(void **state)
{
    (void)state;
    for (size_t events = 1; events <= 40; events++) {
        for (size_t step = 1; step <= events; step++) {
            bool marked[EVENTS_MAX] = {0}, found[EVENTS_MAX] = {0};
            for (size_t i = step - 1; i < events; i += step)
                marked[i] = true;
            search(marked, events, found);
            assert_memory_equal(marked, found, events);
        }
    }
}

static void one_culprit_costs_two_pieces_a_halving(void **state)
{
    bool marked[EVENTS_MAX] = {0}, found[EVENTS_MAX] = {0};
    (void)state;
    marked[1234] = true;
    assert_true(search(marked, EVENTS_MAX, found) <= 2 * 12);
    assert_true(found[1234]);
}

static void it_knows_whether_anything_was_taken(void **state)
{
    struct split s;
    size_t event;
    (void)state;
    split_begin(&s, 2);
    assert_true(split_was_refused(&s, &event));
    assert_int_equal(event, 0);
    assert_false(s.taken);
    split_was_taken(&s);
    assert_true(s.taken);
    assert_true(split_is_done(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_culprits_are_found_and_nobody_else),
        cmocka_unit_test(one_culprit_costs_two_pieces_a_halving),
        cmocka_unit_test(it_knows_whether_anything_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
