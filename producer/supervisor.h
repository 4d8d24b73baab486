/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several workers on one port: the parent forks them before there is a loop or a connection, and
 * then does nothing but watch them. A worker that dies is started again, after a growing pause
 * while it keeps dying, and one that stands still is killed for that; a worker that says its
 * settings are wrong ends them all.
 */
#ifndef HOLDFAST_PRODUCER_SUPERVISOR_H
#define HOLDFAST_PRODUCER_SUPERVISOR_H

enum { SUPERVISOR_WORKERS_MAX = 64 };

struct supervisor_options {
    int workers;
    struct watch *watch;               /* lent; tells the service manager */
    int stop_timeout_s;                /* after SIGTERM; then they are killed */
    int (*run)(int worker, void *arg); /* in the child; its return is the exit code */
    void *arg;
};

void supervisor_register(void); /* its metric, before the workers fork */

/* Until SIGTERM or SIGINT, or a worker that cannot be helped. Returns the exit code: 0 when all
 * workers ended well. */
int supervisor_run(const struct supervisor_options *options);

#endif
