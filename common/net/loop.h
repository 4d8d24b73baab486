/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one event loop of a process: libevent's base, its resolver, and the signals that end it.
 */
#ifndef HOLDFAST_NET_LOOP_H
#define HOLDFAST_NET_LOOP_H

#include "common/core/slice.h"

struct event_base;
struct evdns_base;
struct loop;

struct loop *loop_create(void);         /* NULL when memory ran out; ignores SIGPIPE, SIGHUP */
struct loop *loop_create_precise(void); /* its timers know microseconds, for a system call more in
                                           each round; those of the other one milliseconds */
void loop_destroy(struct loop *l);
struct event_base *loop_base(struct loop *l);
struct evdns_base *loop_dns(struct loop *l); /* made at first use; NULL when it cannot be */

/* fn is called once, at the first SIGTERM or SIGINT; one that comes over a second later ends the
 * process at once. */
void loop_on_terminate(struct loop *l, void (*fn)(void *arg), void *arg);

/* fn is called at each SIGHUP from now on. */
void loop_on_hangup(struct loop *l, void (*fn)(void *arg), void *arg);

/* Registers the metric of the longest turn; before workers fork. */
void loop_register(void);

/* Called first in a callback that may work long: the length of a turn is the time from the first
 * such call to the end of the turn, in which nothing else is served. */
int64_t loop_works(void);   /* now, by clock_now_ns */
int64_t loop_turn_ns(void); /* since then */

void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);

#endif
