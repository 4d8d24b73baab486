/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All requests have the same time, so the list in the order of beginning is the list in the order
 * of deadlines: one timer at its head serves them all.
 */
#include "producer/request.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/call.h"
#include "common/net/loop.h"
#include "producer/answer.h"
#include "producer/counts.h"
#include "producer/resends.h"

enum {
    FREE_REQUESTS = 256,      /* kept for reuse */
    ANSWER_KEPT_BYTES = 8192, /* memory such a one may keep */
};

struct request {
    struct outbox_waiter waiter; /* first: the outbox knows a request by it */
    struct requests *owner;
    struct request *next, *prev; /* on `waiting` while it has a call; next also on the free list */
    struct call *call;           /* NULL once answered */
    struct buffer answer;
    int status;
    size_t events;
    struct count_tally tally;
    struct request_stake stake; /* all zero: none */
    struct resends *resends;    /* NULL: none of its events may come again without an id */
    struct resend_list records; /* left there unless it is answered 2xx */
    int64_t deadline_ns;
    bool complete; /* all of its lines are on their way */
};

struct requests {
    struct request *waiting, *last;
    struct request *free_requests;
    size_t free_count, alive;
    int64_t timeout_ns;
    struct event *timer; /* owned; armed while somebody waits */
};

static void arm(struct requests *rs)
{
    if (rs->waiting == NULL)
        return;
    const int64_t left_ns = rs->waiting->deadline_ns - clock_now_ns();
    const int64_t left_us = left_ns > 0 ? left_ns / 1000 + 1 : 0;
    const struct timeval after = {.tv_sec = left_us / 1000000,
                                  .tv_usec = (suseconds_t)(left_us % 1000000)};
    event_add(rs->timer, &after);
}

static void link_waiting(struct request *r)
{
    struct requests *rs = r->owner;
    r->next = NULL;
    r->prev = rs->last;
    if (rs->last != NULL)
        rs->last->next = r;
    else
        rs->waiting = r;
    rs->last = r;
    if (rs->waiting == r && !event_pending(rs->timer, EV_TIMEOUT, NULL))
        arm(rs);
}

static void unlink_waiting(struct request *r)
{
    struct requests *rs = r->owner;
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        rs->waiting = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    else
        rs->last = r->prev;
    r->next = r->prev = NULL;
}

static void release(struct request *r)
{
    struct requests *rs = r->owner;
    resend_list_finish(&r->records);
    rs->alive--;
    if (rs->free_count == FREE_REQUESTS || r->answer.capacity > ANSWER_KEPT_BYTES) {
        buffer_finish(&r->answer);
        free(r);
        return;
    }
    buffer_clear(&r->answer);
    *r = (struct request){.owner = rs, .next = rs->free_requests, .answer = r->answer};
    rs->free_requests = r;
    rs->free_count++;
}

struct request *request_begin(struct requests *rs, struct call *call)
{
    struct request *r = rs->free_requests;
    if (r != NULL) {
        rs->free_requests = r->next;
        rs->free_count--;
    } else {
        r = calloc(1, sizeof *r);
        if (r == NULL)
            return NULL;
        r->owner = rs;
    }
    rs->alive++;
    r->call = call;
    r->deadline_ns = clock_now_ns() + rs->timeout_ns;
    link_waiting(r);
    return r;
}

struct buffer *request_answer(struct request *r)
{
    return &r->answer;
}

struct outbox_waiter *request_waiter(struct request *r)
{
    return &r->waiter;
}

struct count_tally *request_tally(struct request *r)
{
    return &r->tally;
}

void request_add_stake(struct request *r, const struct request_stake *stake)
{
    r->stake = *stake;
}

/* Nobody knows whether its records are held: they may come again. */
static void leave_records(void *arg)
{
    struct request *r = arg;
    if (r->resends != NULL)
        resends_keep(r->resends, &r->records, clock_now_ns());
    resend_list_finish(&r->records);
}

void request_remember(struct request *r, struct resends *resends, struct resend_list *records)
{
    r->resends = resends;
    r->records = *records;
    *records = (struct resend_list){0};
    call_on_gone(r->call, leave_records, r);
}

/* Its call, which is answered next. */
static struct call *part_from_call(struct request *r)
{
    struct call *call = r->call;
    unlink_waiting(r);
    r->call = NULL;
    r->waiter.gone = r->stake.on_settled == NULL;
    return call;
}

static void refuse(struct request *r, enum count why, const char *slug, const char *detail)
{
    count_rejected(why, r->events);
    leave_records(r);
    answer_unavailable(part_from_call(r), slug,
                       r->stake.refusal != NULL ? r->stake.refusal : detail);
}

static void answer(struct request *r)
{
    if (!r->complete || r->answer.failed) {
        refuse(r, COUNT_UNAVAILABLE, "overloaded",
               "out of memory: try again with the same event_id");
    } else if (r->waiter.worst != OUTBOX_HELD) {
        refuse(r, COUNT_UNAVAILABLE, "queue-unavailable",
               "the broker did not accept the events: try again with the same event_id");
    } else {
        count_accepted(&r->tally);
        call_reply(part_from_call(r),
                   &(struct reply){.status = r->status, .body = buffer_slice(&r->answer)});
    }
}

static void settle(struct request *r)
{
    if (r->stake.on_settled != NULL)
        r->stake.on_settled(r->stake.arg, r->complete && r->waiter.worst == OUTBOX_HELD);
    if (r->call != NULL)
        answer(r);
    release(r);
}

void request_wait(struct request *r, int status, size_t events, bool complete)
{
    r->status = status;
    r->events = events;
    r->complete = complete;
    if (r->waiter.pending == 0)
        settle(r);
}

void requests_on_settled(void *requests, struct outbox_waiter *waiter)
{
    (void)requests;
    settle((struct request *)waiter);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct requests *rs = arg;
    (void)fd;
    (void)events;
    const int64_t now_ns = clock_now_ns();
    while (rs->waiting != NULL && rs->waiting->deadline_ns <= now_ns)
        refuse(rs->waiting, COUNT_CONFIRM_TIMEOUT, "confirm-timeout",
               "the broker has not confirmed the events in time: they may or may not be stored; "
               "trying again with the same event_id adds nothing twice");
    arm(rs);
}

void requests_refuse_all(struct requests *rs, const char *slug, const char *detail)
{
    while (rs->waiting != NULL)
        refuse(rs->waiting, COUNT_UNAVAILABLE, slug, detail);
}

struct requests *requests_create(struct event_base *base, int64_t timeout_ns)
{
    struct requests *rs = calloc(1, sizeof *rs);
    if (rs == NULL)
        return NULL;
    rs->timeout_ns = timeout_ns;
    rs->timer = event_new(base, -1, 0, on_timer, rs);
    if (rs->timer == NULL) {
        requests_destroy(rs);
        return NULL;
    }
    return rs;
}

void requests_destroy(struct requests *rs)
{
    if (rs == NULL)
        return;
    assert(rs->alive == 0);
    while (rs->free_requests != NULL) {
        struct request *r = rs->free_requests;
        rs->free_requests = r->next;
        buffer_finish(&r->answer);
        free(r);
    }
    if (rs->timer != NULL)
        event_free(rs->timer);
    free(rs);
}
