/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/net/notify.h"
#include "common/net/service.h"
#include "producer/supervisor.h"
#include "producer/watch.h"

enum { WORKERS = 2, WAIT_S = 20 };

/* What the workers did; shared with them. */
struct notes {
    volatile int starts[WORKERS];
    volatile int hangups;
};

static struct notes *notes;
static const struct notify nobody = {.fd = -1};
static struct watch *watch;
static int64_t shift_ns; /* of this process's clock */

int clock_gettime(clockid_t id, struct timespec *out)
{
    const long result = syscall(SYS_clock_gettime, id, out);
    const int64_t ns = out->tv_nsec + (id == CLOCK_MONOTONIC ? shift_ns : 0);
    out->tv_sec += ns / CLOCK_S;
    out->tv_nsec = ns % CLOCK_S;
    return (int)result;
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    watch = watch_create(WORKERS, &nobody);
    return notes == MAP_FAILED || watch == NULL;
}

static int teardown(void **state)
{
    (void)state;
    watch_destroy(watch);
    return 0;
}

static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

/* Waits for a signal and tells its number. */
static int wait_for_signal(void)
{
    const sigset_t set = block_signals();
    int number = 0;
    alarm(WAIT_S);
    sigwait(&set, &number);
    return number;
}

/* Worker 0 dies at its first start; all end well at SIGTERM, which the last of them causes. */
static int run_until_told(int worker, void *arg)
{
    (void)arg;
    const int start = ++notes->starts[worker];
    if (worker == 0 && start == 1)
        kill(getpid(), SIGKILL);
    if (worker == 0)
        kill(getppid(), SIGHUP);
    while (wait_for_signal() == SIGHUP) {
        if (++notes->hangups == WORKERS)
            kill(getppid(), SIGTERM);
    }
    return 0;
}

static int run_badly_configured(int worker, void *arg)
{
    (void)arg;
    if (worker == 0)
        return 78;
    return wait_for_signal() == SIGTERM ? 0 : 1;
}

static int run_deaf(int worker, void *arg)
{
    (void)arg;
    signal(SIGTERM, SIG_IGN);
    if (worker == 0)
        kill(getppid(), SIGTERM);
    sleep(WAIT_S);
    return 0;
}

/* Worker 0 stands still at its first start. No worker turns a loop here: the other says it does. */
static int run_and_stand_still(int worker, void *arg)
{
    struct service_sign *sign = watch_sign(watch, worker);
    (void)arg;
    alarm(WAIT_S * 2);
    if (++notes->starts[worker] == 1 && worker == 0)
        kill(getpid(), SIGSTOP);
    if (worker == 0) {
        kill(getppid(), SIGTERM);
        return wait_for_signal() == SIGTERM ? 0 : 1;
    }
    const sigset_t set = block_signals();
    const struct timespec beat = {.tv_nsec = 100000000};
    while (sigtimedwait(&set, NULL, &beat) != SIGTERM)
        atomic_store(&sign->turned_ns, clock_now_ns());
    return 0;
}

/* In a child, so that a parent that hangs is not the end of the tests. */
static int supervise(int (*run)(int worker, void *arg), int stop_timeout_s)
{
    int status = 0;
    *notes = (struct notes){0};
    const pid_t child = fork();
    if (child == 0) {
        alarm(WAIT_S * 2);
        block_signals(); /* for the workers, who have them blocked from their start */
        _exit(supervisor_run(&(struct supervisor_options){
            .workers = WORKERS, .watch = watch, .stop_timeout_s = stop_timeout_s, .run = run}));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_worker_that_dies_is_started_again(void **state)
{
    (void)state;
    assert_int_equal(supervise(run_until_told, 10), 0);
    assert_int_equal(notes->starts[0], 2);
    assert_int_equal(notes->starts[1], 1);
    assert_int_equal(notes->hangups, WORKERS);
}

static void bad_settings_end_them_all(void **state)
{
    (void)state;
    assert_int_equal(supervise(run_badly_configured, 10), 78);
}

static void who_does_not_stop_is_killed(void **state)
{
    (void)state;
    assert_int_equal(supervise(run_deaf, 1), 128 + SIGKILL);
}

static void a_worker_that_stands_still_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(supervise(run_and_stand_still, 10), 0);
    assert_int_equal(notes->starts[0], 2);
    assert_int_equal(notes->starts[1], 1);
}

static void time_we_did_not_live_through_is_not_counted(void **state)
{
    struct service_sign *sign = watch_sign(watch, 0);
    (void)state;
    watch_started(watch, 0);
    assert_false(watch_is_stuck(watch, 0));
    /* All stood still for an hour, we with them. */
    shift_ns += 3600 * CLOCK_S;
    assert_false(watch_is_stuck(watch, 0));
    for (int i = 0; i < 3; i++) {
        shift_ns += 2 * CLOCK_S;
        assert_false(watch_is_stuck(watch, 0));
    }
    atomic_store(&sign->turned_ns, clock_now_ns());
    for (int i = 0; i < 6; i++) {
        shift_ns += 2 * CLOCK_S;
        assert_false(watch_is_stuck(watch, 0));
    }
    shift_ns += 2 * CLOCK_S;
    assert_true(watch_is_stuck(watch, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_dies_is_started_again),
        cmocka_unit_test(bad_settings_end_them_all),
        cmocka_unit_test(a_worker_that_stands_still_is_replaced),
        cmocka_unit_test(time_we_did_not_live_through_is_not_counted),
        cmocka_unit_test(who_does_not_stop_is_killed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
