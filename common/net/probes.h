/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every daemon answers about itself: /livez, /readyz, /health, /metrics, /version. The owner
 * fills in the checks each time somebody asks; it must not wait for anything.
 *
 *     static void on_health(void *arg, struct probe_report *r)
 *     {
 *         probe_check(r, "broker", ready ? PROBE_HEALTHY : PROBE_UNHEALTHY, reason);
 *     }
 *
 * The worst check is the status: healthy and degraded are 200, unhealthy 503. /readyz is the same
 * judgement in plain text, with `?verbose` a line for each check before it; /livez says only that
 * the loop turns.
 */
#ifndef HOLDFAST_NET_PROBES_H
#define HOLDFAST_NET_PROBES_H

#include "common/net/router.h"

enum probe_status { PROBE_HEALTHY, PROBE_DEGRADED, PROBE_UNHEALTHY };

struct probe_report;

struct probes {          /* the caller's memory, as long as the router lives */
    const char *service; /* "producer" */
    void (*on_health)(void *arg, struct probe_report *report);
    void *arg;
};

void probes_add_routes(struct probes *p, struct router *r);

/* What /readyz would say; and to `out`, in words, what is not healthy. */
bool probes_are_well(const struct probes *p, struct buffer *out);

/* For on_health. `detail` may be NULL when all is well. probe_member adds a member beside "checks":
 * JSON text. */
void probe_check(struct probe_report *r, const char *name, enum probe_status status,
                 const char *detail);
void probe_member(struct probe_report *r, const char *name, const char *json);

#endif
