/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor reports to the service manager about its workers (service.h): ready when all
 * are, alive while the loop of each running worker turns. A worker that died does not stop the
 * reports, because it is being restarted; one that hangs does, until the supervisor has replaced
 * it.
 */
#ifndef HOLDFAST_PRODUCER_WATCH_H
#define HOLDFAST_PRODUCER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct notify;
struct service_sign;
struct watch;

/* NULL when memory ran out. `notify` is lent. The signs are shared with the children. */
struct watch *watch_create(int workers, const struct notify *notify);
void watch_destroy(struct watch *w);
struct service_sign *watch_sign(struct watch *w, int worker); /* for the worker to write */

void watch_started(struct watch *w, int worker); /* before its fork */
void watch_ended(struct watch *w, int worker);
/* To be asked of a running worker at every turn: whether its loop has stood still for ten seconds
 * in which the rest of the machine has not. */
bool watch_is_stuck(struct watch *w, int worker);
void watch_reloading(struct watch *w); /* the workers have been told to */
void watch_stopping(struct watch *w);

/* Says what is due; returns how long nothing is. */
int64_t watch_turn(struct watch *w);

#endif
