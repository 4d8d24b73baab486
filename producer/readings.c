/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a body costs is not known before it is read: a few bytes of gzip may be megabytes of blank
 * lines. So a body that came small is begun on the spot, and begun anew in the line of the large
 * ones if its time was not enough; the next ones of its connection go there at once.
 *
 * In the line the connection that cost least of late is served next, and the one that cost most
 * gives way when the line is full: who sends one large body fares well beside a thousand that send
 * nothing else.
 */
#include "producer/readings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/loop.h"
#include "producer/answer.h"

enum { SMALL_BYTES = 64 * 1024 }; /* as it came */

#define SMALL_NS   CLOCK_MS       /* for a small body */
#define OVERRUN_NS CLOCK_S        /* what a body counts that was large after all */
#define SLICE_NS   (CLOCK_MS / 5) /* for the large ones, in a turn of the loop */

struct reader {
    struct intake *intake; /* owned */
    struct ingest *ingest; /* owned */
    struct intake_request request;
    struct ingest_body body;
    bool ingesting; /* the intake is through */
};

struct readings {
    struct readings_options options;
    struct reader small, large;
    bool reading;                                     /* the large reader has a request */
    struct intake_request waiting[READINGS_WAIT_MAX]; /* for it, as they came */
    size_t waiting_count;
    struct event *turn; /* owned; pending while there is one */
};

static struct metric *turned_away;

void readings_register(void)
{
    turned_away = metrics_counter("large_bodies_refused_total", "",
                                  "Answered 503: too many large bodies waited to be read.");
}

static bool reader_init(struct reader *r, const struct readings_options *o)
{
    r->intake = intake_create(o->body_bytes_max, o->limits.event_bytes);
    r->ingest = ingest_create(&o->limits);
    return r->intake != NULL && r->ingest != NULL;
}

static void reader_finish(struct reader *r)
{
    intake_destroy(r->intake);
    ingest_destroy(r->ingest);
}

/* It has no request any more, nor the memory one took. */
static void reader_end(struct reader *r)
{
    intake_end(r->intake);
    ingest_drop(r->ingest);
}

/* False: answered. */
static bool begin(struct reader *r, const struct intake_request *request)
{
    r->request = *request;
    r->ingesting = false;
    return intake_begin(r->intake, request);
}

static void deliver(struct readings *rs, struct reader *r)
{
    struct ingest_result result;
    ingest_end(r->ingest, &result);
    rs->options.on_read(rs->options.arg,
                        &(struct reading){&r->request, r->ingest, &r->body, &result});
}

/* False: the request is out of our hands. */
static bool step(struct readings *rs, struct reader *r)
{
    if (r->ingesting) {
        if (ingest_step(r->ingest))
            return true;
        deliver(rs, r);
        return false;
    }
    const enum intake_progress progress = intake_step(r->intake, &r->body);
    if (progress != INTAKE_READ)
        return progress == INTAKE_MORE;
    ingest_begin(r->ingest, &r->body);
    r->ingesting = true;
    return true;
}

/* False: through. */
static bool go_on(struct readings *rs, struct reader *r, int64_t most_ns)
{
    const int64_t end_ns = clock_now_ns() + most_ns;
    while (step(rs, r)) {
        if (clock_now_ns() >= end_ns)
            return true;
    }
    reader_end(r);
    return false;
}

static void schedule(struct readings *rs)
{
    event_add(rs->turn, &(const struct timeval){0});
}

static struct intake_request take(struct readings *rs, size_t at)
{
    const struct intake_request request = rs->waiting[at];
    struct intake_request *place = &rs->waiting[at];
    memmove(place, place + 1, (--rs->waiting_count - at) * sizeof *place);
    return request;
}

static size_t find_lightest(const struct readings *rs)
{
    size_t at = 0;
    for (size_t i = 1; i < rs->waiting_count; i++) {
        if (call_spent_ns(rs->waiting[i].call) < call_spent_ns(rs->waiting[at].call))
            at = i;
    }
    return at;
}

/* The newest of equals. */
static size_t find_heaviest(const struct readings *rs)
{
    size_t at = 0;
    for (size_t i = 1; i < rs->waiting_count; i++) {
        if (call_spent_ns(rs->waiting[i].call) >= call_spent_ns(rs->waiting[at].call))
            at = i;
    }
    return at;
}

/* The next whose client is still there; false: nobody is. */
static bool take_next(struct readings *rs, struct intake_request *out)
{
    static const char gone[] = "the client has gone; nothing was accepted";
    while (rs->waiting_count > 0) {
        *out = take(rs, find_lightest(rs));
        if (!call_is_gone(out->call))
            return true;
        answer_unavailable(out->call, "overloaded", gone);
    }
    return false;
}

static bool begin_next(struct readings *rs)
{
    struct intake_request request;
    return take_next(rs, &request) && begin(&rs->large, &request);
}

static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    struct readings *rs = arg;
    (void)fd;
    (void)events;
    loop_works();
    if (rs->reading) {
        call_spend(rs->large.request.call, SLICE_NS);
        rs->reading = go_on(rs, &rs->large, SLICE_NS);
    } else {
        rs->reading = begin_next(rs);
    }
    if (rs->reading || rs->waiting_count > 0)
        schedule(rs);
}

static void turn_away(const struct intake_request *request)
{
    metric_add(turned_away, 1);
    answer_unavailable(request->call, "overloaded", "too many large bodies wait to be read");
}

static void wait_in_line(struct readings *rs, const struct intake_request *request)
{
    if (rs->waiting_count == READINGS_WAIT_MAX) {
        const size_t at = find_heaviest(rs);
        if (call_spent_ns(rs->waiting[at].call) <= call_spent_ns(request->call)) {
            turn_away(request);
            return;
        }
        const struct intake_request heaviest = take(rs, at);
        turn_away(&heaviest);
    }
    rs->waiting[rs->waiting_count++] = *request;
    schedule(rs);
}

void readings_add(struct readings *rs, const struct intake_request *request)
{
    if (call_body(request->call).size > SMALL_BYTES ||
        call_spent_ns(request->call) > CALL_HEAVY_NS) {
        wait_in_line(rs, request);
    } else if (begin(&rs->small, request) && go_on(rs, &rs->small, SMALL_NS)) {
        reader_end(&rs->small);
        call_spend(request->call, OVERRUN_NS);
        wait_in_line(rs, request);
    }
}

void readings_refuse_all(struct readings *rs, const char *slug, const char *detail)
{
    struct intake_request request;
    if (rs->reading) {
        answer_unavailable(rs->large.request.call, slug, detail);
        reader_end(&rs->large);
    }
    rs->reading = false;
    while (take_next(rs, &request))
        answer_unavailable(request.call, slug, detail);
}

struct readings *readings_create(const struct readings_options *options)
{
    struct readings *rs = calloc(1, sizeof *rs);
    if (rs == NULL)
        return NULL;
    rs->options = *options;
    rs->turn = event_new(options->base, -1, 0, on_turn, rs);
    if (rs->turn == NULL || !reader_init(&rs->small, options) ||
        !reader_init(&rs->large, options)) {
        readings_destroy(rs);
        return NULL;
    }
    return rs;
}

void readings_destroy(struct readings *rs)
{
    if (rs == NULL)
        return;
    assert(!rs->reading && rs->waiting_count == 0);
    if (rs->turn != NULL)
        event_free(rs->turn);
    reader_finish(&rs->small);
    reader_finish(&rs->large);
    free(rs);
}
