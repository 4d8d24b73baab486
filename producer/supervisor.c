/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent has no loop: it waits for a signal with a deadline, sigtimedwait, and every signal it
 * handles is blocked from before the first fork, so none is lost between looking and waiting.
 * Workers die with it: the kernel sends them SIGTERM when it is gone.
 */
#include "producer/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/app/log.h"
#include "common/app/metrics.h"
#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "producer/watch.h"

enum { EXIT_CONFIG = 78 };

#define STABLE_NS (10 * CLOCK_S) /* a worker that lived so long starts with a short pause again */
#define WAIT_NS   CLOCK_S

struct worker {
    pid_t pid; /* 0 = not running */
    int64_t started_ns;
    int64_t start_at_ns; /* while not running */
    bool killed;         /* for it stood still */
    struct backoff backoff;
};

struct supervisor {
    const struct supervisor_options *options;
    struct worker workers[SUPERVISOR_WORKERS_MAX];
    sigset_t handled, before; /* blocked here; what was blocked before */
    bool stopping;
    int64_t kill_at_ns; /* while stopping */
    int exit_code;
};

static struct metric *replaced;

void supervisor_register(void)
{
    replaced =
        metrics_counter("workers_replaced_total", "", "Workers that hung and were replaced.");
}

static void block_signals(struct supervisor *s)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigemptyset(&s->handled);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(&s->handled, numbers[i]);
    sigprocmask(SIG_BLOCK, &s->handled, &s->before);
}

static _Noreturn void become_worker(const struct supervisor *s, int index, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    /* The parent may have gone before the kernel was told. */
    if (getppid() != parent)
        _exit(1);
    exit(s->options->run(index, s->options->arg));
}

static void plan_start(struct worker *w)
{
    w->start_at_ns = clock_now_ns() + backoff_next(&w->backoff);
}

static void start(struct supervisor *s, int index)
{
    struct worker *w = &s->workers[index];
    const pid_t parent = getpid();
    watch_started(s->options->watch, index);
    const pid_t pid = fork();
    if (pid == 0)
        become_worker(s, index, parent);
    if (pid < 0) {
        log_error("worker_fork_failed", "a worker cannot be started, trying again",
                  LOG_INT("worker", index), LOG_INT("errno", errno));
        watch_ended(s->options->watch, index);
        plan_start(w);
        return;
    }
    w->pid = pid;
    w->killed = false;
    w->started_ns = clock_now_ns();
    log_info("worker_started", "a worker has started", LOG_INT("worker", index),
             LOG_INT("pid", pid));
}

static void send_all(const struct supervisor *s, int signal_number)
{
    for (int i = 0; i < s->options->workers; i++) {
        if (s->workers[i].pid != 0)
            kill(s->workers[i].pid, signal_number);
    }
}

static void stop(struct supervisor *s, int signal_number)
{
    if (!s->stopping)
        s->kill_at_ns = clock_now_ns() + s->options->stop_timeout_s * CLOCK_S;
    s->stopping = true;
    watch_stopping(s->options->watch);
    send_all(s, signal_number);
}

static int exit_code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void on_end(struct supervisor *s, int index, int status)
{
    struct worker *w = &s->workers[index];
    const int code = exit_code_of(status);
    w->pid = 0;
    watch_ended(s->options->watch, index);
    if (s->stopping) {
        if (s->exit_code != EXIT_CONFIG && code > s->exit_code)
            s->exit_code = code;
        return;
    }
    if (code == EXIT_CONFIG) {
        s->exit_code = code;
        stop(s, SIGTERM);
        return;
    }
    if (clock_now_ns() - w->started_ns > STABLE_NS)
        backoff_reset(&w->backoff);
    plan_start(w);
    log_error("worker_ended", "a worker has ended and is started again", LOG_INT("worker", index),
              LOG_INT("exit_code", code),
              LOG_INT("in_ms", (w->start_at_ns - clock_now_ns()) / CLOCK_MS));
}

static void reap(struct supervisor *s)
{
    int status = 0;
    for (int i = 0; i < s->options->workers; i++) {
        const pid_t pid = s->workers[i].pid;
        if (pid != 0 && waitpid(pid, &status, WNOHANG) == pid)
            on_end(s, i, status);
    }
}

static bool is_running(const struct supervisor *s)
{
    for (int i = 0; i < s->options->workers; i++) {
        if (s->workers[i].pid != 0)
            return true;
    }
    return false;
}

/* The kernel would give it its part of the connections for ever. */
static void end_stuck(struct supervisor *s, int index)
{
    struct worker *w = &s->workers[index];
    if (w->killed || !watch_is_stuck(s->options->watch, index))
        return;
    log_error("worker_stuck", "a worker has hung for ten seconds and is replaced",
              LOG_INT("worker", index), LOG_INT("pid", w->pid));
    if (replaced != NULL)
        metric_add(replaced, 1);
    w->killed = kill(w->pid, SIGKILL) == 0;
}

/* What is due now; returns how long nothing is. */
static int64_t act(struct supervisor *s)
{
    const int64_t now_ns = clock_now_ns();
    int64_t wait_ns = WAIT_NS;
    if (s->stopping) {
        if (now_ns >= s->kill_at_ns)
            send_all(s, SIGKILL);
        return wait_ns;
    }
    for (int i = 0; i < s->options->workers; i++) {
        struct worker *w = &s->workers[i];
        if (w->pid != 0)
            end_stuck(s, i);
        if (w->pid == 0 && w->start_at_ns <= now_ns)
            start(s, i);
        if (w->pid == 0 && w->start_at_ns - now_ns < wait_ns)
            wait_ns = w->start_at_ns > now_ns ? w->start_at_ns - now_ns : 0;
    }
    return wait_ns;
}

static void handle_signal(struct supervisor *s, int signal_number)
{
    if (signal_number == SIGTERM || signal_number == SIGINT)
        stop(s, signal_number);
    if (signal_number != SIGHUP || s->stopping)
        return;
    watch_reloading(s->options->watch);
    send_all(s, SIGHUP);
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor s = {.options = options};
    assert(options->workers <= SUPERVISOR_WORKERS_MAX);
    for (int i = 0; i < options->workers; i++)
        s.workers[i].backoff = (struct backoff){.base_ns = CLOCK_S / 10, .cap_ns = 30 * CLOCK_S};
    block_signals(&s);
    do {
        const int64_t act_ns = act(&s), watch_ns = watch_turn(options->watch);
        const int64_t wait_ns = act_ns < watch_ns ? act_ns : watch_ns;
        const struct timespec wait = {.tv_sec = wait_ns / CLOCK_S, .tv_nsec = wait_ns % CLOCK_S};
        handle_signal(&s, sigtimedwait(&s.handled, NULL, &wait));
        reap(&s);
    } while (!s.stopping || is_running(&s));
    sigprocmask(SIG_SETMASK, &s.before, NULL);
    return s.exit_code;
}
