/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/watch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/core/clock.h"
#include "common/net/notify.h"
#include "common/net/service.h"
#include "producer/supervisor.h"

#define RELOAD_NS (5 * CLOCK_S) /* a worker that takes longer is not waited for */
#define QUICK_NS  (CLOCK_S / 20)
#define STUCK_NS  (10 * CLOCK_S)
#define LOOK_NS   (2 * CLOCK_S) /* a longer time between two looks, we did not live through */

struct patience {
    int64_t turned_ns; /* of the worker's sign, at the last look */
    int64_t looked_ns, still_ns;
};

struct watch {
    const struct notify *notify; /* lent */
    struct service_sign *signs;  /* owned, shared with the workers */
    int workers;
    bool running[SUPERVISOR_WORKERS_MAX];
    struct patience patience[SUPERVISOR_WORKERS_MAX];
    bool ready, said_ready, stopping;
    uint32_t reloads;     /* asked of the workers */
    int64_t reload_by_ns; /* while they are at it; else 0 */
    int64_t ping_at_ns;
    char status[64]; /* as said last */
};

struct watch *watch_create(int workers, const struct notify *notify)
{
    struct watch *w = calloc(1, sizeof *w);
    void *map = mmap(NULL, sizeof(struct service_sign) * (size_t)workers, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(workers <= SUPERVISOR_WORKERS_MAX);
    if (w == NULL || map == MAP_FAILED) {
        if (map != MAP_FAILED)
            munmap(map, sizeof(struct service_sign) * (size_t)workers);
        free(w);
        return NULL;
    }
    *w = (struct watch){.notify = notify, .signs = map, .workers = workers};
    return w;
}

void watch_destroy(struct watch *w)
{
    if (w == NULL)
        return;
    munmap(w->signs, sizeof(struct service_sign) * (size_t)w->workers);
    free(w);
}

struct service_sign *watch_sign(struct watch *w, int worker)
{
    return &w->signs[worker];
}

/* It reads the settings as they are now, so it owes no reload. */
void watch_started(struct watch *w, int worker)
{
    struct service_sign *sign = &w->signs[worker];
    atomic_store(&sign->ready, false);
    atomic_store(&sign->well, false);
    atomic_store(&sign->reloads, w->reloads);
    atomic_store(&sign->turned_ns, clock_now_ns());
    w->running[worker] = true;
    w->patience[worker] = (struct patience){.looked_ns = clock_now_ns()};
}

/* The machine may have been suspended, and we with it: only time that we saw pass is counted. */
bool watch_is_stuck(struct watch *w, int worker)
{
    struct patience *p = &w->patience[worker];
    const int64_t turned_ns = atomic_load(&w->signs[worker].turned_ns), now_ns = clock_now_ns();
    const int64_t passed_ns = now_ns - p->looked_ns;
    p->looked_ns = now_ns;
    p->still_ns += passed_ns < LOOK_NS ? passed_ns : LOOK_NS;
    if (turned_ns != p->turned_ns)
        p->still_ns = 0;
    p->turned_ns = turned_ns;
    return p->still_ns > STUCK_NS;
}

void watch_ended(struct watch *w, int worker)
{
    w->running[worker] = false;
}

void watch_reloading(struct watch *w)
{
    w->reloads++;
    w->reload_by_ns = clock_now_ns() + RELOAD_NS;
    notify_reloading(w->notify);
}

void watch_stopping(struct watch *w)
{
    if (!w->stopping)
        notify_stopping(w->notify);
    w->stopping = true;
}

static bool is_everyone(const struct watch *w, bool (*is)(const struct watch *w, int worker))
{
    for (int i = 0; i < w->workers; i++) {
        if (!is(w, i))
            return false;
    }
    return true;
}

static bool is_ready(const struct watch *w, int worker)
{
    return w->running[worker] && atomic_load(&w->signs[worker].ready);
}

static bool has_reloaded(const struct watch *w, int worker)
{
    return !w->running[worker] || atomic_load(&w->signs[worker].reloads) == w->reloads;
}

static bool is_turning(const struct watch *w, int worker)
{
    const int64_t silent_ns = clock_now_ns() - atomic_load(&w->signs[worker].turned_ns);
    return !w->running[worker] || silent_ns < w->notify->watchdog_ns / 2;
}

static void tell_ready(struct watch *w)
{
    const int64_t now_ns = clock_now_ns();
    w->ready = w->ready || is_everyone(w, is_ready);
    if (w->reload_by_ns != 0 && (is_everyone(w, has_reloaded) || now_ns >= w->reload_by_ns)) {
        w->reload_by_ns = 0;
        w->said_ready = false;
    }
    if (w->ready && !w->said_ready && w->reload_by_ns == 0)
        w->said_ready = notify_ready(w->notify);
}

static void tell_status(struct watch *w)
{
    char status[sizeof w->status];
    int well = 0;
    for (int i = 0; i < w->workers; i++)
        well += w->running[i] && atomic_load(&w->signs[i].well);
    snprintf(status, sizeof status, "%d of %d workers ready", well, w->workers);
    if (!w->stopping && strcmp(status, w->status) != 0 && notify_status(w->notify, status))
        memcpy(w->status, status, sizeof status);
}

static void tell_alive(struct watch *w)
{
    const int64_t now_ns = clock_now_ns();
    const int64_t beat_ns = service_beat_ns(w->notify->watchdog_ns);
    if (w->notify->watchdog_ns == 0 || now_ns < w->ping_at_ns - beat_ns / 2)
        return;
    if (is_everyone(w, is_turning) && notify_alive(w->notify))
        w->ping_at_ns = now_ns + w->notify->watchdog_ns / 2;
}

int64_t watch_turn(struct watch *w)
{
    if (w->notify->fd < 0)
        return CLOCK_S;
    tell_status(w);
    tell_ready(w);
    tell_alive(w);
    const bool waiting = !w->said_ready || w->reload_by_ns != 0;
    return waiting && !w->stopping ? QUICK_NS : service_beat_ns(w->notify->watchdog_ns);
}
