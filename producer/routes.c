/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a request with events: can the producer accept now? - which form does the head
 * announce? - read and check the body - is there room? - give the lines to the outbox and wait. A
 * request is refused at the first step that can tell, and the refusal names what to fix. The paths
 * differ in how a body is read and in the answer, not in these steps.
 */
#include "producer/routes.h"

#include <stdio.h>

#include "common/app/metrics.h"
#include "common/net/call.h"
#include "common/net/router.h"
#include "producer/answer.h"
#include "producer/cloudevents.h"
#include "producer/counts.h"
#include "producer/follow.h"
#include "producer/otlp.h"
#include "producer/outbox.h"
#include "producer/pause.h"
#include "producer/publisher.h"
#include "producer/readings.h"
#include "producer/request.h"
#include "producer/status.h"

/* Seconds. Exporters of OpenTelemetry give up at once when it is not within their 10 s for all
 * tries together; one that asks again soon costs next to nothing. */
#define PAUSED_RETRY_S "3"

static struct metric *unavailable, *body_bytes;

static void count_refused(const struct ingest_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        const int status = result->items[i].status;
        if (status == 400)
            count_rejected(COUNT_INVALID_JSON, 1);
        else if (status == 413)
            count_rejected(COUNT_TOO_LARGE, 1);
        else if (status == 422)
            count_rejected(COUNT_INVALID_EVENT, 1);
    }
}

static void refuse(struct call *c, const char *slug, const char *detail)
{
    metric_add(unavailable, 1);
    answer_unavailable(c, slug, detail);
}

/* What differs between the paths that take events. */
struct endpoint {
    int (*write)(const struct ingest *in, const struct ingest_result *result, struct buffer *out);
    bool partial;  /* the good ones are taken whatever the others are */
    bool may_lack; /* no event at all is fine */
};

static void hand_over(struct routes *x, const struct reading *reading,
                      const struct endpoint *endpoint, struct request *r)
{
    const struct ingest_result *result = reading->result;
    bool complete = true;
    for (size_t i = 0; i < result->count && complete; i++) {
        const struct ingest_item *item = &result->items[i];
        if (item->status != 202)
            continue;
        request_tally(r)->events[item->type]++;
        complete = outbox_add(x->outbox, item->urgent ? OUTBOX_URGENT : OUTBOX_NORMAL,
                              ingest_text(reading->ingest, item->line), request_waiter(r));
    }
    call_drop_body(reading->request->call);
    if (result->records->count > 0)
        request_remember(r, x->resends, result->records);
    const int status = endpoint->write(reading->ingest, result, request_answer(r));
    request_wait(r, status, result->good, complete);
}

static bool can_take(const struct ingest_result *result, const struct endpoint *endpoint)
{
    const bool readable = !result->broken && !result->too_many && !result->no_memory;
    const bool enough = result->count > 0 || endpoint->may_lack;
    return readable && enough &&
           (result->good == result->count || (endpoint->partial && !result->single));
}

static void take(struct routes *x, const struct reading *reading, const struct endpoint *endpoint)
{
    struct call *c = reading->request->call;
    const struct ingest_result *result = reading->result;
    if (!outbox_has_room(x->outbox, result->good, result->line_bytes)) {
        refuse(c, "queue-unavailable", "too many events wait for the broker's confirm");
        return;
    }
    struct request *r = request_begin(x->requests, c);
    if (r == NULL)
        refuse(c, "overloaded", "out of memory; nothing was accepted");
    else
        hand_over(x, reading, endpoint, r);
}

static void refuse_paused(const struct routes *x, struct call *c)
{
    const struct pause_state state = pause_state(x->pause);
    char detail[64 + PAUSE_REASON_SIZE];
    snprintf(detail, sizeof detail, "an operator has paused the intake: %s", state.reason);
    metric_add(unavailable, 1);
    call_refuse(c, &(struct problem){.status = 503,
                                     .slug = "paused",
                                     .detail = detail,
                                     .headers = {{"Retry-After", PAUSED_RETRY_S}}});
}

/* False: answered. */
static bool can_promise(const struct routes *x, struct call *c)
{
    const char *refusal = publisher_refusal(x->publisher);
    const char *clock = reference_refusal(&publisher_follow(x->publisher)->reference);
    if (pause_is_on(x->pause))
        refuse_paused(x, c);
    else if (refusal != NULL)
        refuse(c, "queue-unavailable", refusal);
    else if (clock != NULL)
        refuse(c, "clock-wrong", clock);
    else
        return true;
    return false;
}

static struct endpoint endpoint_of(const struct reading *r)
{
    if (r->request->door == INTAKE_OTLP)
        return (struct endpoint){otlp_write_answer, .partial = true, .may_lack = true};
    return (struct endpoint){
        .write = answer_write,
        .partial = slice_equals(call_parameter(r->request->call, "partial"), SLICE("true")),
        .may_lack = r->body->shape == &cloudevents_structured};
}

void routes_on_read(void *routes, const struct reading *r)
{
    const struct endpoint endpoint = endpoint_of(r);
    metric_observe(body_bytes, (int64_t)r->body->text.size);
    count_refused(r->result);
    if (can_take(r->result, &endpoint))
        take(routes, r, &endpoint);
    else
        answer_faults(r->request->call, r->ingest, r->result);
}

static void on_log(struct call *c, void *arg)
{
    struct routes *x = arg;
    if (can_promise(x, c))
        readings_add(x->readings, &(struct intake_request){.call = c, .door = INTAKE_LOG});
}

static void emit(struct routes *x, struct call *c, struct slice event_type)
{
    if (can_promise(x, c))
        readings_add(x->readings, &(struct intake_request){c, INTAKE_PAYLOAD, event_type});
}

static void on_emit(struct call *c, void *arg)
{
    const struct slice path = call_path(c), prefix = SLICE("/emit/");
    emit(arg, c, (struct slice){path.data + prefix.size, path.size - prefix.size});
}

/* The event bus's older name for one of its types: RFC 9745 for the header, RFC 8288 for who
 * follows it. */
static void on_emit_activity_log(struct call *c, void *arg)
{
    static const struct call_style style = {
        .headers = {{"Deprecation", "@1767225600"},
                    {"Link", "</emit/activity_log>; rel=\"successor-version\""}}};
    call_set_style(c, &style);
    emit(arg, c, SLICE("activity_log"));
}

static void on_otlp_logs(struct call *c, void *arg)
{
    struct routes *x = arg;
    call_set_style(c, &otlp_style);
    if (can_promise(x, c))
        readings_add(x->readings, &(struct intake_request){.call = c, .door = INTAKE_OTLP});
}

/* CloudEvents webhooks ask before they send; a rate is not imposed. */
static void on_options(struct call *c, void *arg)
{
    const bool asks = call_header(c, "webhook-request-origin").data != NULL;
    struct reply reply = {.status = 204, .headers = {{"Allow", "POST, OPTIONS"}}};
    (void)arg;
    if (asks) {
        reply.headers[1] = (struct call_header){"WebHook-Allowed-Origin", "*"};
        reply.headers[2] = (struct call_header){"WebHook-Allowed-Rate", "*"};
    }
    call_reply(c, &reply);
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
                             "\"emit_event\":\"POST /emit/{type}\","
                             "\"otlp_logs\":\"POST /v1/logs\","
                             "\"event_types\":\"GET /v1/event-types\","
                             "\"intake\":\"GET, PUT /v1/admin/intake\","
                             "\"health\":\"GET /health\","
                             "\"queue_status\":\"GET /queue/status\","
                             "\"liveness\":\"GET /livez\",\"readiness\":\"GET /readyz\","
                             "\"metrics\":\"GET /metrics\",\"version\":\"GET /version\"}}\n")});
}

void routes_add(struct routes *x, struct router *r)
{
    unavailable =
        metrics_counter("requests_unavailable_total", "",
                        "Requests with events answered 503 before the events were queued.");
    resends_register();
    readings_register();
    body_bytes = metrics_size("request_body_bytes", "", "Bodies of events.");
    router_add(r, &(struct route){"POST", "/log", on_log, x});
    router_add(r, &(struct route){"POST", "/v1/events", on_log, x});
    router_add(r, &(struct route){"POST", "/v1/logs", on_otlp_logs, x});
    router_add(r, &(struct route){"OPTIONS", "/log", on_options, x});
    router_add(r, &(struct route){"OPTIONS", "/v1/events", on_options, x});
    router_add(r, &(struct route){"POST", "/emit/*", on_emit, x});
    router_add(r, &(struct route){"POST", "/emit_activity_log", on_emit_activity_log, x});
    router_add(r, &(struct route){"GET", "/queue/status", on_queue_status, x});
    router_add(r, &(struct route){"GET", "/", on_map, x});
}
