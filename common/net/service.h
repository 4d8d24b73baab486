/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status reports of an event loop: that the daemon is ready, its health, and periodically that the
 * loop turns. A daemon of one process reports to the service manager (notify.h); a worker reports
 * in memory it shares with the supervisor, which reports for all workers.
 *
 * Ready means that the daemon listens and /readyz answers 200, or that it has tried for five
 * seconds: a broker that starts late must not make the start of the service fail.
 */
#ifndef HOLDFAST_NET_SERVICE_H
#define HOLDFAST_NET_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct notify;
struct probes;
struct service;

struct service_sign {          /* of a worker; the supervisor sets it back before each start */
    _Atomic int64_t turned_ns; /* when the loop last turned */
    _Atomic bool ready;        /* in the sense above, once and for all */
    _Atomic bool well;         /* what /readyz says now */
    _Atomic uint32_t reloads;  /* how often the settings were read again */
};

struct service_options { /* lent */
    struct loop *loop;
    const struct probes *probes;
    const struct notify *notify;
    struct service_sign *sign; /* NULL: reports to the manager itself */
};

/* Starts to report. NULL when memory ran out. */
struct service *service_create(const struct service_options *options);
void service_destroy(struct service *s);

void service_reloading(struct service *s);
void service_reloaded(struct service *s);
void service_stopping(struct service *s);

/* The interval of reports for a watchdog of `watchdog_ns`: half of it, a second at most. */
int64_t service_beat_ns(int64_t watchdog_ns);

#endif
