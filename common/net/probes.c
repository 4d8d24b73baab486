/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/probes.h"

#include "common/app/metrics.h"
#include "common/core/buffer.h"
#include "common/core/clock.h"

struct probe_report {
    enum probe_status worst;
    struct buffer checks;  /* members of "checks" */
    struct buffer members; /* members beside it, each with a comma before */
    struct buffer trouble; /* "name: detail" of what is not healthy */
    struct buffer lines;   /* of /readyz?verbose: a check each */
};

static const char *status_name(enum probe_status status)
{
    static const char *const names[] = {"healthy", "degraded", "unhealthy"};
    return names[status];
}

void probe_check(struct probe_report *r, const char *name, enum probe_status status,
                 const char *detail)
{
    if (status != PROBE_HEALTHY && (detail == NULL || detail[0] == '\0'))
        detail = "reason unknown";
    buffer_printf(&r->checks, "%s\"%s\":{\"status\":\"%s\"", r->checks.size > 0 ? "," : "", name,
                  status_name(status));
    if (detail != NULL) {
        buffer_add_text(&r->checks, ",\"detail\":");
        buffer_add_json_string(&r->checks, slice_of(detail));
    }
    buffer_add_byte(&r->checks, '}');
    buffer_printf(&r->lines, "[%c] %s %s%s%s\n", status == PROBE_UNHEALTHY ? '-' : '+', name,
                  status_name(status), detail != NULL ? ": " : "", detail != NULL ? detail : "");
    if (status != PROBE_HEALTHY)
        buffer_printf(&r->trouble, "%s%s: %s", r->trouble.size > 0 ? "; " : "", name, detail);
    r->worst = status > r->worst ? status : r->worst;
}

void probe_member(struct probe_report *r, const char *name, const char *json)
{
    buffer_printf(&r->members, ",\"%s\":%s", name, json);
}

static void finish(struct probe_report *r)
{
    buffer_finish(&r->checks);
    buffer_finish(&r->members);
    buffer_finish(&r->trouble);
    buffer_finish(&r->lines);
}

static void answer_buffer(struct call *c, int status, const char *type, struct buffer *body)
{
    if (body->failed)
        call_refuse(c, &(struct problem){
                           .status = 500, .slug = "out-of-memory", .detail = "out of memory"});
    else
        call_reply(
            c, &(struct reply){.status = status, .content_type = type, .body = buffer_slice(body)});
    buffer_finish(body);
}

static void on_health(struct call *c, void *arg)
{
    const struct probes *p = arg;
    struct probe_report r = {0};
    struct buffer body = {0};
    char now[CLOCK_TEXT_SIZE + 1];
    clock_format(clock_wall_us(), now);
    p->on_health(p->arg, &r);
    buffer_printf(&body,
                  "{\"status\":\"%s\",\"service\":\"%s\",\"version\":\"" HOLDFAST_VERSION
                  "\",\"timestamp\":\"%s\"",
                  status_name(r.worst), p->service, now);
    buffer_add_slice(&body, buffer_slice(&r.members));
    buffer_add_text(&body, ",\"checks\":{");
    buffer_add_slice(&body, buffer_slice(&r.checks));
    buffer_add_text(&body, "}}\n");
    body.failed = body.failed || r.checks.failed || r.members.failed;
    answer_buffer(c, r.worst == PROBE_UNHEALTHY ? 503 : 200, NULL, &body);
    finish(&r);
}

static void on_readyz(struct call *c, void *arg)
{
    const struct probes *p = arg;
    struct probe_report r = {0};
    struct buffer body = {0};
    p->on_health(p->arg, &r);
    const bool ready = r.worst != PROBE_UNHEALTHY;
    if (call_parameter(c, "verbose").data != NULL)
        buffer_add_slice(&body, buffer_slice(&r.lines));
    buffer_add_text(&body, ready ? "ready\n" : "not ready\n");
    answer_buffer(c, ready ? 200 : 503, "text/plain", &body);
    finish(&r);
}

static void on_livez(struct call *c, void *arg)
{
    (void)arg;
    call_reply(
        c, &(struct reply){.status = 200, .content_type = "text/plain", .body = SLICE("alive\n")});
}

static void on_metrics(struct call *c, void *arg)
{
    struct buffer body = {0};
    (void)arg;
    metrics_render(&body);
    answer_buffer(c, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void on_version(struct call *c, void *arg)
{
    const struct probes *p = arg;
    struct buffer body = {0};
    buffer_printf(&body,
                  "{\"service\":\"%s\",\"version\":\"" HOLDFAST_VERSION
                  "\",\"revision\":\"" HOLDFAST_REVISION "\"}\n",
                  p->service);
    answer_buffer(c, 200, NULL, &body);
}

bool probes_are_well(const struct probes *p, struct buffer *out)
{
    struct probe_report r = {0};
    p->on_health(p->arg, &r);
    const bool well = r.worst != PROBE_UNHEALTHY;
    buffer_add_text(out, well ? "ready" : "not ready");
    if (r.trouble.size > 0)
        buffer_printf(out, ": %.*s", (int)r.trouble.size, r.trouble.data);
    finish(&r);
    return well;
}

void probes_add_routes(struct probes *p, struct router *r)
{
    router_add_public(r, &(struct route){"GET", "/health", on_health, p});
    router_add(r, &(struct route){"GET", "/livez", on_livez, p});
    router_add_public(r, &(struct route){"GET", "/readyz", on_readyz, p});
    router_add_public(r, &(struct route){"GET", "/metrics", on_metrics, p});
    router_add_public(r, &(struct route){"GET", "/version", on_version, p});
}
