/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /log: can anything be promised now? - what is the body said to be? - read it, judge it -
 * is there room? - hand the lines to the outbox and wait. Whatever is refused is refused as early
 * as it is known, and a refusal names what to mend.
 */
#include "producer/routes.h"

#include "common/base/metrics.h"
#include "common/net/call.h"
#include "common/net/router.h"
#include "producer/answer.h"
#include "producer/counts.h"
#include "producer/ingest.h"
#include "producer/media.h"
#include "producer/outbox.h"
#include "producer/publisher.h"
#include "producer/request.h"
#include "producer/status.h"

static struct metric *unavailable, *body_bytes;

static void count_refused(const struct ingest_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        const int status = result->items[i].status;
        if (status == 400)
            count_events(COUNT_INVALID_JSON, 1);
        else if (status == 413)
            count_events(COUNT_TOO_LARGE, 1);
        else if (status == 422)
            count_events(COUNT_INVALID_EVENT, 1);
    }
}

static void refuse(struct call *c, const char *slug, const char *detail)
{
    metric_add(unavailable, 1);
    answer_unavailable(c, slug, detail);
}

static void hand_over(struct routes *x, const struct ingest_result *result, struct request *r)
{
    bool complete = true;
    for (size_t i = 0; i < result->count && complete; i++) {
        const struct ingest_item *item = &result->items[i];
        if (item->status == 202)
            complete = outbox_add(x->outbox, item->urgent ? OUTBOX_URGENT : OUTBOX_NORMAL,
                                  ingest_text(x->ingest, item->line), request_waiter(r));
    }
    const int status = answer_write(x->ingest, result, request_answer(r));
    request_wait(r, status, result->good, complete);
}

static bool can_take(const struct ingest_result *result, bool partial)
{
    const bool readable = !result->broken && !result->too_many && !result->no_memory;
    const bool all_good = result->count > 0 && result->good == result->count;
    return readable && (all_good || (partial && !result->single && result->count > 0));
}

static void take(struct routes *x, struct call *c, const struct ingest_result *result)
{
    if (!outbox_has_room(x->outbox, result->good, result->line_bytes)) {
        refuse(c, "queue-unavailable", "too many events wait for the queue to confirm them");
        return;
    }
    struct request *r = request_begin(x->requests, c);
    if (r == NULL)
        refuse(c, "overloaded", "out of memory; nothing was taken");
    else
        hand_over(x, result, r);
}

static void on_log(struct call *c, void *arg)
{
    struct routes *x = arg;
    struct ingest_result result;
    struct ingest_body body = {.text = call_body(c), .shape = &shape_plain};
    const char *refusal = publisher_refusal(x->publisher);
    if (refusal != NULL) {
        refuse(c, "queue-unavailable", refusal);
        return;
    }
    if (!media_read(c, &body))
        return;
    metric_observe(body_bytes, (int64_t)body.text.size);
    ingest_read(x->ingest, &body, &result);
    count_refused(&result);
    if (can_take(&result, slice_equals(call_parameter(c, "partial"), SLICE("true"))))
        take(x, c, &result);
    else
        answer_faults(c, x->ingest, &result);
}

static void on_queue_status(struct call *c, void *arg)
{
    struct routes *x = arg;
    status_answer(x->status, c);
}

static void on_map(struct call *c, void *arg)
{
    (void)arg;
    call_reply(
        c, &(struct reply){
               .status = 200,
               .body = SLICE("{\"service\":\"holdfast-producer\",\"version\":\"" HOLDFAST_VERSION
                             "\",\"endpoints\":{\"log_event\":\"POST /log\","
                             "\"health\":\"GET /health\","
                             "\"queue_status\":\"GET /queue/status\","
                             "\"liveness\":\"GET /livez\",\"readiness\":\"GET /readyz\","
                             "\"metrics\":\"GET /metrics\",\"version\":\"GET /version\"}}\n")});
}

void routes_add(struct routes *x, struct router *r)
{
    unavailable =
        metrics_counter("requests_unavailable_total", "", "POST /log refused before it was taken.");
    body_bytes = metrics_size("request_body_bytes", "", "Bodies of POST /log.");
    router_add(r, &(struct route){"POST", "/log", on_log, x});
    router_add(r, &(struct route){"GET", "/queue/status", on_queue_status, x});
    router_add(r, &(struct route){"GET", "/", on_map, x});
}
