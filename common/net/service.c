/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One timer: quick until ready, then at the watchdog's beat. What the manager's full socket did not
 * take is said again at the next turn.
 */
#include "common/net/service.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/core/buffer.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "common/net/notify.h"
#include "common/net/probes.h"

#define READY_AFTER_NS (5 * CLOCK_S)
#define QUICK_NS       (CLOCK_S / 20)

struct service {
    struct service_options options;
    struct event *timer; /* owned; NULL when nobody listens */
    int64_t started_ns, ping_at_ns;
    bool ready, said_ready, stopping;
    struct buffer status, said_status; /* with their NUL */
};

int64_t service_beat_ns(int64_t watchdog_ns)
{
    const int64_t half_ns = watchdog_ns / 2;
    return half_ns > 0 && half_ns < CLOCK_S ? half_ns : CLOCK_S;
}

static bool look(struct service *s)
{
    buffer_clear(&s->status);
    const bool well = probes_are_well(s->options.probes, &s->status);
    buffer_add_byte(&s->status, 0);
    return well;
}

static void tell_supervisor(const struct service *s, bool well)
{
    struct service_sign *sign = s->options.sign;
    atomic_store(&sign->well, well);
    atomic_store(&sign->ready, s->ready);
    atomic_store(&sign->turned_ns, clock_now_ns());
}

static bool is_said(const struct service *s)
{
    return s->said_status.size == s->status.size &&
           memcmp(s->said_status.data, s->status.data, s->status.size) == 0;
}

static void tell_status(struct service *s)
{
    if (s->stopping || s->status.failed || is_said(s) ||
        !notify_status(s->options.notify, s->status.data))
        return;
    buffer_clear(&s->said_status);
    buffer_add_slice(&s->said_status, buffer_slice(&s->status));
}

static void tell_manager(struct service *s)
{
    const struct notify *n = s->options.notify;
    const int64_t now_ns = clock_now_ns();
    tell_status(s);
    if (s->ready && !s->said_ready)
        s->said_ready = notify_ready(n);
    /* Half a beat early is better than half a beat late. */
    if (n->watchdog_ns == 0 || now_ns < s->ping_at_ns - service_beat_ns(n->watchdog_ns) / 2)
        return;
    if (notify_alive(n))
        s->ping_at_ns = now_ns + n->watchdog_ns / 2;
}

static void schedule(const struct service *s)
{
    int64_t wait_ns = service_beat_ns(s->options.notify->watchdog_ns);
    if (s->options.sign != NULL)
        wait_ns /= 2; /* the supervisor looks at the beat, and must find a newer turn */
    if (!s->ready && wait_ns > QUICK_NS)
        wait_ns = QUICK_NS;
    const struct timeval wait = {.tv_sec = wait_ns / CLOCK_S,
                                 .tv_usec = (suseconds_t)(wait_ns % CLOCK_S / 1000)};
    event_add(s->timer, &wait);
}

static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct service *s = arg;
    (void)fd;
    (void)events;
    const bool well = s->options.notify->fd >= 0 && look(s); /* nobody else wants to know */
    s->ready = s->ready || well || clock_now_ns() - s->started_ns > READY_AFTER_NS;
    if (s->options.sign != NULL)
        tell_supervisor(s, well);
    else
        tell_manager(s);
    schedule(s);
}

struct service *service_create(const struct service_options *options)
{
    struct service *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct service){.options = *options, .started_ns = clock_now_ns()};
    if (options->notify->fd < 0 && options->sign == NULL)
        return s;
    s->timer = evtimer_new(loop_base(options->loop), on_turn, s);
    if (s->timer == NULL) {
        service_destroy(s);
        return NULL;
    }
    on_turn(-1, 0, s);
    return s;
}

void service_destroy(struct service *s)
{
    if (s == NULL)
        return;
    if (s->timer != NULL)
        event_free(s->timer);
    buffer_finish(&s->status);
    buffer_finish(&s->said_status);
    free(s);
}

void service_reloading(struct service *s)
{
    if (s->options.sign == NULL)
        notify_reloading(s->options.notify);
}

void service_reloaded(struct service *s)
{
    if (s->options.sign != NULL)
        atomic_fetch_add(&s->options.sign->reloads, 1);
    else
        s->said_ready = s->ready && notify_ready(s->options.notify);
}

void service_stopping(struct service *s)
{
    s->stopping = true;
    if (s->options.sign == NULL)
        notify_stopping(s->options.notify);
}
