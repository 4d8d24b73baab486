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
        const struct pause_state on = made_of('a'), off = {.since_us = 7};
        pause_set(p, 1, &on);
        pause_set(p, 2, &off);
        pause_set(p, 0, &on);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(pause_is_on(p));
    const struct pause_state seen = pause_state(p);
    assert_true(is_whole(&seen));
    pause_destroy(p);
}

static void write_many(struct pause *p, unsigned worker)
{
    const struct pause_state s = made_of((char)('a' + worker));
    for (int i = 0; i < CHANGES; i++)
        pause_set(p, worker, &s);
    _exit(0);
}

static void no_half_of_a_change_is_seen(void **state)
{
    struct pause *p = pause_create(WRITERS);
    const struct pause_state first = made_of('z');
    int running = WRITERS, status;
    (void)state;
    pause_set(p, 0, &first);
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
        cmocka_unit_test(no_half_of_a_change_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
