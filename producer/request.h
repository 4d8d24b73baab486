/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client requests whose events are on their way: each waits until every message that carries its
 * events is settled, or its time is up, and is then answered, once.
 *
 * A request answered before its messages are settled stays until they are, because they point to
 * its waiter. A stake is a hook that runs when the event of the request is confirmed, however late:
 * such an event is never dropped, because the broker may already have stored it.
 */
#ifndef HOLDFAST_PRODUCER_REQUEST_H
#define HOLDFAST_PRODUCER_REQUEST_H

#include "common/core/buffer.h"
#include "producer/outbox.h"

struct call;
struct count_tally;
struct event_base;
struct request;
struct requests;
struct resend_list;
struct resends;

struct requests *requests_create(struct event_base *base, int64_t timeout_ns); /* NULL: memory */
void requests_destroy(struct requests *rs); /* when no request is left */

struct request_stake {
    void (*on_settled)(void *arg, bool held); /* once, before an answer that is still due */
    void *arg;
    const char *refusal; /* the detail of every 503; lent for ever */
};

/* Takes the call; NULL when memory ran out, then the call is not taken. */
struct request *request_begin(struct requests *rs, struct call *call);
struct buffer *request_answer(struct request *r); /* for the body to be sent once all is held */
struct outbox_waiter *request_waiter(struct request *r);
struct count_tally *request_tally(struct request *r); /* of its events, to be filled in */
/* Not answered 2xx, the request leaves its records there: takes them out of the list. */
void request_remember(struct request *r, struct resends *resends, struct resend_list *records);
void request_add_stake(struct request *r, const struct request_stake *stake); /* copied */
/* The lines are in the outbox, all of them or (not complete) some. */
void request_wait(struct request *r, int status, size_t events, bool complete);

void requests_on_settled(void *requests, struct outbox_waiter *waiter); /* for the outbox */

/* Answers all that wait with 503. */
void requests_refuse_all(struct requests *rs, const char *slug, const char *detail);

#endif
