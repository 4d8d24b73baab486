/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a body costs is not known before it is read: a few bytes of gzip may be megabytes of blank
 * lines. So a body that came small is begun on the spot, and begun anew in the line of the large
 * ones if its time was not enough.
 */
#include "producer/readings.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "producer/answer.h"

enum { SMALL_BYTES = 64 * 1024 }; /* as it came */

#define SMALL_NS (2 * CLOCK_MS) /* for a small body */
#define SLICE_NS (2 * CLOCK_MS) /* for the large ones, in a turn of the loop */

struct reader {
    struct intake *intake; /* owned */
    struct ingest *ingest; /* owned */
    struct intake_request request;
    struct ingest_body body;
    bool ingesting; /* the intake is through */
};

struct waiting {
    struct intake_request request;
    struct waiting *next;
};

struct readings {
    struct readings_options options;
    struct reader small, large;
    bool reading;                 /* the large reader has a request */
    struct waiting *first, *last; /* for it */
    size_t waiting;               /* of them */
    struct event *turn;           /* owned; pending while there is one */
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

/* The next whose client is still there; false: nobody is. */
static bool take_next(struct readings *rs, struct intake_request *out)
{
    static const char gone[] = "the client has gone; nothing was taken";
    struct waiting *w;
    while ((w = rs->first) != NULL) {
        *out = w->request;
        rs->first = w->next;
        rs->waiting--;
        free(w);
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
    if (rs->reading)
        rs->reading = go_on(rs, &rs->large, SLICE_NS);
    else
        rs->reading = begin_next(rs);
    if (rs->reading || rs->first != NULL)
        schedule(rs);
}

static void wait_in_line(struct readings *rs, const struct intake_request *request)
{
    struct waiting *w;
    if (rs->waiting == READINGS_WAIT_MAX) {
        metric_add(turned_away, 1);
        answer_unavailable(request->call, "overloaded", "too many large bodies wait to be read");
        return;
    }
    w = malloc(sizeof *w);
    if (w == NULL) {
        answer_unavailable(request->call, "overloaded", "out of memory; nothing was taken");
        return;
    }
    *w = (struct waiting){.request = *request};
    if (rs->first == NULL)
        rs->first = w;
    else
        rs->last->next = w;
    rs->last = w;
    rs->waiting++;
    schedule(rs);
}

void readings_add(struct readings *rs, const struct intake_request *request)
{
    if (call_body(request->call).size > SMALL_BYTES) {
        wait_in_line(rs, request);
    } else if (begin(&rs->small, request) && go_on(rs, &rs->small, SMALL_NS)) {
        reader_end(&rs->small);
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
    assert(!rs->reading && rs->first == NULL);
    if (rs->turn != NULL)
        event_free(rs->turn);
    reader_finish(&rs->small);
    reader_finish(&rs->large);
    free(rs);
}
