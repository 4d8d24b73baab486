/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/id.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "tests/unit/unit.h"

static void ids_are_version_7_and_grow(void **state)
{
    struct id last, next;
    (void)state;
    id_make(&last);
    for (int i = 0; i < 100000; i++) {
        id_make(&next);
        assert_int_equal(next.bytes[6] >> 4, 7);
        assert_int_equal(next.bytes[8] >> 6, 2);
        assert_true(id_compare(&last, &next) < 0);
        last = next;
    }
}

static void the_time_is_in_front(void **state)
{
    struct id id;
    uint64_t ms = 0;
    (void)state;
    id_make(&id);
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    assert_int_in_range(ms, (uint64_t)clock_wall_us() / 1000 - 1000,
                        (uint64_t)clock_wall_us() / 1000 + 1000);
}

static void text_goes_both_ways(void **state)
{
    char text[ID_TEXT_SIZE + 1];
    struct id id, back;
    (void)state;
    id_make(&id);
    id_format(&id, text);
    assert_int_equal(strlen(text), ID_TEXT_SIZE);
    assert_true(id_parse(slice_of(text), &back));
    assert_int_equal(id_compare(&id, &back), 0);
    assert_true(id_parse(SLICE("0190A000-0000-7000-8000-00000000ABCD"), &back));
    id_format(&back, text);
    assert_string_equal(text, "0190a000-0000-7000-8000-00000000abcd");
}

static void other_texts_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "0190a000",
        "0190a000-0000-7000-8000-00000000abc",
        "0190a000-0000-7000-8000-00000000abcde",
        "0190a00000007000800000000000abcd....",
        "0190a000-0000-7000-8000-00000000abcg",
        "0190a0000-000-7000-8000-00000000abcd",
    };
    struct id id;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(id_parse(slice_of(rows[i]), &id));
}

static void a_forked_child_draws_its_own_ids(void **state)
{
    struct id ours, theirs;
    int ends[2];
    (void)state;
    id_make(&ours); /* the pool is filled before the fork */
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        id_make(&theirs);
        _exit(write(ends[1], &theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    id_make(&ours);
    assert_int_equal(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_memory_not_equal(ours.bytes + 8, theirs.bytes + 8, 8);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_version_7_and_grow),
        cmocka_unit_test(the_time_is_in_front),
        cmocka_unit_test(text_goes_both_ways),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(a_forked_child_draws_its_own_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
