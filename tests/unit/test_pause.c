/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "producer/pause.h"

enum { WRITERS = 4, CHANGES = 20000 };

/* A state whose parts agree: the reason is one letter many times, the time its code. */
static struct pause_state made_of(char letter)
{
    struct pause_state s = {.paused = true, .since_us = letter};
    memset(s.reason, letter, PAUSE_REASON_SIZE - 1);
    return s;
}

static bool is_whole(const struct pause_state *s)
{
    for (size_t i = 0; i < PAUSE_REASON_SIZE - 1; i++) {
        if (s->reason[i] != (char)s->since_us)
            return false;
    }
    return true;
}

static void set(struct pause *p, unsigned worker, struct pause_state state)
{
    state.turn = pause_take_turn(p);
    pause_set(p, worker, &state);
}

static void a_new_one_is_off(void **state)
{
    struct pause *p = pause_create(WRITERS);
    (void)state;
    const struct pause_state s = pause_state(p);
    assert_false(pause_is_on(p) || s.paused);
    assert_int_equal(s.since_us, 0);
    assert_string_equal(s.reason, "");
    pause_destroy(p);
    pause_destroy(NULL);
}

static void another_process_sees_the_change(void **state)
{
    struct pause *p = pause_create(WRITERS);
    int status = 1;
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        set(p, 1, made_of('a'));
        set(p, 2, (struct pause_state){.since_us = 7});
        set(p, 0, made_of('a'));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(pause_is_on(p));
    const struct pause_state seen = pause_state(p);
    assert_true(is_whole(&seen));
    pause_destroy(p);
}

static void what_was_asked_for_later_stays(void **state)
{
    struct pause *p = pause_create(WRITERS);
    struct pause_state first = made_of('a'), second = {.since_us = 7};
    (void)state;
    first.turn = pause_take_turn(p);
    second.turn = pause_take_turn(p);
    assert_false(pause_is_on(p));
    pause_set(p, 1, &second);
    pause_set(p, 2, &first);
    pause_set(p, 1, &first);
    assert_false(pause_is_on(p));
    assert_int_equal(pause_state(p).since_us, 7);
    pause_destroy(p);
}

static void write_many(struct pause *p, unsigned worker)
{
    for (int i = 0; i < CHANGES; i++)
        set(p, worker, made_of((char)('a' + worker)));
    _exit(0);
}

static void no_half_of_a_change_is_seen(void **state)
{
    struct pause *p = pause_create(WRITERS);
    int running = WRITERS, status;
    (void)state;
    set(p, 0, made_of('z'));
    for (unsigned i = 0; i < WRITERS; i++) {
        if (fork() == 0)
            write_many(p, i);
    }
    while (running > 0) {
        const struct pause_state seen = pause_state(p);
        assert_true(is_whole(&seen));
        running -= waitpid(-1, &status, WNOHANG) > 0;
    }
    pause_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_is_off),
        cmocka_unit_test(another_process_sees_the_change),
        cmocka_unit_test(what_was_asked_for_later_stays),
        cmocka_unit_test(no_half_of_a_change_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
