/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"

/* A signal to the whole process group reaches a worker once by itself and once by its parent. */
#define INSIST_NS CLOCK_S

#define WINDOW_NS (60 * CLOCK_S)

/* Of the process's one loop. The longest of this window and of the one before is told: of the last
 * minute at least, the last two at most. A turn is what lies between two looks for events. While
 * callbacks make others active libevent goes on without returning; then its cached time, which is
 * that of the last look, tells one turn from the next. */
static struct {
    struct event_base *base; /* lent; NULL while no loop runs */
    struct timeval looked;   /* when the present turn began, by the base */
    struct metric *longest;
    int64_t began_ns; /* 0: no work yet in this turn */
    int64_t window_ns, of_window_ns, of_last_ns;
} turn;

struct loop {
    struct event_base *base; /* owned */
    struct evdns_base *dns;  /* owned; NULL until first use */
    struct event *sigterm;   /* owned; NULL until loop_on_terminate */
    struct event *sigint;    /* owned; NULL until loop_on_terminate */
    struct event *sighup;    /* owned; NULL until loop_on_hangup */
    void (*on_terminate)(void *arg);
    void *arg;
    void (*on_hangup)(void *arg);
    void *hangup_arg;
    int64_t terminating_ns; /* when the first signal came; 0 = not yet */
};

static struct loop *create(int more_flags)
{
    struct loop *l = calloc(1, sizeof *l);
    struct event_config *config = event_config_new();
    if (l == NULL || config == NULL)
        goto fail;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until loop_on_hangup */
    /* Fewer epoll_ctl calls per request; safe because no descriptor here is a dup of another. */
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK |
                                      more_flags);
    l->base = event_base_new_with_config(config);
    if (l->base == NULL)
        goto fail;
    event_config_free(config);
    return l;
fail:
    if (config != NULL)
        event_config_free(config);
    free(l);
    return NULL;
}

struct loop *loop_create(void)
{
    return create(0);
}

struct loop *loop_create_precise(void)
{
    return create(EVENT_BASE_FLAG_PRECISE_TIMER);
}

void loop_destroy(struct loop *l)
{
    if (l == NULL)
        return;
    if (l->sigterm != NULL)
        event_free(l->sigterm);
    if (l->sigint != NULL)
        event_free(l->sigint);
    if (l->sighup != NULL)
        event_free(l->sighup);
    if (l->dns != NULL)
        evdns_base_free(l->dns, 0);
    event_base_free(l->base);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

struct evdns_base *loop_dns(struct loop *l)
{
    if (l->dns == NULL)
        l->dns = evdns_base_new(l->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                             EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    return l->dns;
}

static void on_signal(evutil_socket_t signal_number, short events, void *arg)
{
    struct loop *l = arg;
    (void)events;
    if (l->terminating_ns == 0) {
        l->terminating_ns = clock_now_ns();
        l->on_terminate(l->arg);
    } else if (clock_now_ns() - l->terminating_ns > INSIST_NS) {
        _exit(128 + (int)signal_number);
    }
}

void loop_on_terminate(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->on_terminate = fn;
    l->arg = arg;
    l->sigterm = evsignal_new(l->base, SIGTERM, on_signal, l);
    l->sigint = evsignal_new(l->base, SIGINT, on_signal, l);
    if (l->sigterm != NULL)
        evsignal_add(l->sigterm, NULL);
    if (l->sigint != NULL)
        evsignal_add(l->sigint, NULL);
}

static void on_hangup_signal(evutil_socket_t signal_number, short events, void *arg)
{
    const struct loop *l = arg;
    (void)signal_number;
    (void)events;
    l->on_hangup(l->hangup_arg);
}

void loop_on_hangup(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->on_hangup = fn;
    l->hangup_arg = arg;
    l->sighup = evsignal_new(l->base, SIGHUP, on_hangup_signal, l);
    if (l->sighup != NULL)
        evsignal_add(l->sighup, NULL);
}

void loop_register(void)
{
    turn.longest = metrics_greatest("loop_longest_turn_seconds", "",
                                    "Longest turn of the event loop in the last minute.");
}

static void end_turn(int64_t now_ns)
{
    const int64_t length_ns = turn.began_ns != 0 ? now_ns - turn.began_ns : 0;
    turn.began_ns = 0;
    if (length_ns == 0 || turn.longest == NULL)
        return;
    if (now_ns - turn.window_ns > WINDOW_NS) {
        turn.of_last_ns = now_ns - turn.window_ns > 2 * WINDOW_NS ? 0 : turn.of_window_ns;
        turn.of_window_ns = 0;
        turn.window_ns = now_ns;
    }
    if (length_ns > turn.of_window_ns)
        turn.of_window_ns = length_ns;
    metric_set(turn.longest,
               turn.of_window_ns > turn.of_last_ns ? turn.of_window_ns : turn.of_last_ns);
}

static void end_turn_if_over(int64_t now_ns)
{
    struct timeval looked;
    if (turn.base == NULL || event_base_gettimeofday_cached(turn.base, &looked) != 0 ||
        (looked.tv_sec == turn.looked.tv_sec && looked.tv_usec == turn.looked.tv_usec))
        return;
    turn.looked = looked;
    end_turn(now_ns);
}

int64_t loop_works(void)
{
    const int64_t now_ns = clock_now_ns();
    end_turn_if_over(now_ns);
    if (turn.began_ns == 0)
        turn.began_ns = now_ns;
    return now_ns;
}

int64_t loop_turn_ns(void)
{
    const int64_t now_ns = clock_now_ns();
    end_turn_if_over(now_ns);
    return turn.began_ns == 0 ? 0 : now_ns - turn.began_ns;
}

void loop_run(struct loop *l)
{
    turn.base = l->base;
    do {
        event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
        end_turn(clock_now_ns());
    } while (!event_base_got_break(l->base));
    turn.base = NULL;
}

void loop_stop(struct loop *l)
{
    event_base_loopbreak(l->base);
}
