/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lane.h"

#include "cli/answer.h"
#include "cli/cli.h"
#include "common/core/backoff.h"
#include "common/core/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUEST_NS (30 * CLOCK_S)

enum lane_state { IDLE, SENDING, RESTING };

struct lane {
    struct delivery *delivery; /* lent */
    struct http *http;
    struct batch batch;
    enum lane_state state;
    size_t from, to;   /* lines of the batch in the present request */
    size_t limit;      /* lines the producer takes in one request, as far as it is known */
    size_t most;       /* lines of one request, after something was too big */
    bool partial;      /* the present request asks for the good ones only */
    int64_t resume_ns; /* of RESTING */
    struct backoff backoff;
};

void delivery_start(struct delivery *d)
{
    d->accepted = d->refused = 0;
    d->settled_ns = clock_now_ns();
    d->exit_code = CLI_OK;
    d->reason[0] = d->event_id[0] = '\0';
}

void delivery_refuse(struct delivery *d, uint64_t number, const char *text)
{
    d->refused++;
    d->settled_ns = clock_now_ns();
    d->on_refused(number, text);
}

struct lane *lane_create(struct delivery *d)
{
    struct lane *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->delivery = d;
    l->limit = SIZE_MAX;
    l->backoff = (struct backoff){.base_ns = 100 * CLOCK_MS, .cap_ns = 5 * CLOCK_S};
    l->http = http_create(d->http, d->url);
    if (l->http)
        return l;
    lane_destroy(l);
    return NULL;
}

void lane_destroy(struct lane *l)
{
    if (!l)
        return;
    http_destroy(l->http);
    batch_finish(&l->batch);
    free(l);
}

bool lane_is_idle(const struct lane *l)
{
    return l->state == IDLE;
}

struct batch *lane_batch(struct lane *l)
{
    assert(l->state == IDLE);
    return &l->batch;
}

static void send_range(struct lane *l)
{
    const int64_t now_ns = clock_now_ns();
    const int64_t end_ns = l->delivery->settled_ns + l->delivery->patience_ns;
    const struct http_request request = {
        .target = l->partial ? "/log?partial=true" : "/log",
        .content_type = "application/x-ndjson",
        .body = batch_slice(&l->batch, l->from, l->to),
        .deadline_ns = end_ns < now_ns + REQUEST_NS ? end_ns : now_ns + REQUEST_NS,
    };
    l->state = SENDING;
    http_start(l->http, &request);
}

static void send_next(struct lane *l)
{
    const size_t left = l->batch.count - l->to;
    l->from = l->to;
    l->to += left < l->most ? left : l->most;
    l->partial = false;
    send_range(l);
}

void lane_start(struct lane *l)
{
    assert(l->state == IDLE && l->batch.count > 0);
    l->from = 0;
    l->to = 0;
    l->most = l->batch.count < l->limit ? l->batch.count : l->limit;
    l->delivery->settled_ns = clock_now_ns();
    send_next(l);
}

/* The lines of the request are settled: go on with those behind it. */
static void go_on(struct lane *l)
{
    l->delivery->settled_ns = clock_now_ns();
    l->delivery->reason[0] = '\0';
    backoff_reset(&l->backoff);
    l->most = l->most < l->limit / 2 ? l->most * 2 : l->limit;
    if (l->to < l->batch.count) {
        send_next(l);
        return;
    }
    batch_clear(&l->batch);
    l->state = IDLE;
}

enum lane_verdict lane_judge(int status, size_t lines, bool partial)
{
    if (status == 207)
        return LANE_MIXED;
    if (status >= 200 && status < 300)
        return LANE_TAKEN;
    if (status == 400 || status == 413 || status == 422)
        return lines == 1 ? LANE_REFUSED : partial ? LANE_HALVE : LANE_PARTLY;
    if (status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501))
        return LANE_LATER;
    return LANE_STOP;
}

struct telling {
    const struct lane *lane;
    size_t told;
};

static void on_fault(void *arg, size_t line, const char *text)
{
    struct telling *t = arg;
    const struct lane *l = t->lane;
    const size_t index = l->from + (line > 0 ? line - 1 : 0);
    t->told++;
    l->delivery->on_refused(index < l->to ? l->batch.lines[index].number : 0, text);
}

static void stop(struct lane *l, int exit_code)
{
    l->delivery->exit_code = exit_code;
    l->state = IDLE;
}

static void settle_mixed(struct lane *l)
{
    struct telling t = {.lane = l};
    struct answer answer;
    const size_t lines = l->to - l->from;
    answer_read(http_body(l->http), on_fault, &t, &answer);
    if (!answer.readable) {
        snprintf(l->delivery->reason, sizeof l->delivery->reason,
                 "%s answers 207 with a body that cannot be read", l->delivery->url);
        stop(l, CLI_FAILED);
        return;
    }
    const size_t refused = answer.refused < lines ? answer.refused : lines;
    l->delivery->refused += refused;
    l->delivery->accepted += lines - refused;
    go_on(l);
}

static void settle_refused(struct lane *l)
{
    struct telling t = {.lane = l};
    struct answer answer;
    answer_read(http_body(l->http), on_fault, &t, &answer);
    if (t.told == 0)
        on_fault(&t, 1, answer.detail[0] ? answer.detail : "refused without a reason");
    l->delivery->refused++;
    go_on(l);
}

static void settle_taken(struct lane *l)
{
    struct delivery *d = l->delivery;
    if (l->to - l->from == 1) {
        struct answer answer;
        answer_read(http_body(l->http), NULL, NULL, &answer);
        snprintf(d->event_id, sizeof d->event_id, "%s", answer.event_id);
    }
    d->accepted += l->to - l->from;
    go_on(l);
}

static void set_reason(struct lane *l)
{
    struct answer answer;
    answer_read(http_body(l->http), NULL, NULL, &answer);
    const char *detail = http_redirect_url(l->http);
    if (!detail)
        detail = answer.detail;
    snprintf(l->delivery->reason, sizeof l->delivery->reason, "%s answers %d%s%s", l->delivery->url,
             http_status(l->http), detail[0] ? ": " : "", detail);
}

static void rest(struct lane *l, int retry_after_s)
{
    struct delivery *d = l->delivery;
    const int64_t now_ns = clock_now_ns();
    l->resume_ns = now_ns + backoff_next(&l->backoff) + (int64_t)retry_after_s * CLOCK_S;
    l->state = RESTING;
    if (now_ns >= d->settled_ns + d->patience_ns)
        stop(l, CLI_UNAVAILABLE);
}

static void on_answer(struct lane *l)
{
    const int status = http_status(l->http);
    const int retry_after_s = http_retry_after_s(l->http);
    switch (lane_judge(status, l->to - l->from, l->partial)) {
    case LANE_TAKEN:
        settle_taken(l);
        break;
    case LANE_MIXED:
        settle_mixed(l);
        break;
    case LANE_REFUSED:
        settle_refused(l);
        break;
    case LANE_PARTLY:
        l->partial = true;
        send_range(l);
        break;
    case LANE_HALVE:
        l->most = (l->to - l->from) / 2;
        if (status == 413)
            l->limit = l->most;
        l->to = l->from;
        send_next(l);
        break;
    case LANE_LATER:
        set_reason(l);
        rest(l, retry_after_s);
        break;
    case LANE_STOP:
        set_reason(l);
        stop(l, status == 401 || status == 403 ? CLI_REFUSED : CLI_FAILED);
        break;
    }
}

static void on_failure(struct lane *l)
{
    struct delivery *d = l->delivery;
    const bool first = d->reason[0] == 0;
    const char *mend = http_mend(l->http);
    snprintf(d->reason, sizeof d->reason, "%s%s%s", http_reason(l->http), mend ? "; " : "",
             mend ? mend : "");
    if (http_state(l->http) == HTTP_UNTRUSTED) {
        stop(l, CLI_FAILED);
        return;
    }
    if (first)
        fprintf(stderr, "%s; trying for %lld s\n", d->reason,
                (long long)(d->patience_ns / CLOCK_S));
    rest(l, 0);
}

static void advance_rest(struct lane *l)
{
    struct delivery *d = l->delivery;
    const int64_t now_ns = clock_now_ns();
    if (now_ns >= d->settled_ns + d->patience_ns)
        stop(l, CLI_UNAVAILABLE);
    else if (now_ns >= l->resume_ns)
        send_range(l);
}

void lane_advance(struct lane *l)
{
    if (l->state == RESTING)
        advance_rest(l);
    if (l->state != SENDING)
        return;
    const enum http_state state = http_state(l->http);
    if (state == HTTP_ANSWERED)
        on_answer(l);
    else if (state != HTTP_BUSY)
        on_failure(l);
}

int64_t lane_wake_ns(const struct lane *l)
{
    const int64_t end_ns = l->delivery->settled_ns + l->delivery->patience_ns;
    if (l->state != RESTING)
        return INT64_MAX; /* an exchange has a deadline of its own */
    return l->resume_ns < end_ns ? l->resume_ns : end_ns;
}
