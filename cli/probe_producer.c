/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "cli/answer.h"
#include "common/core/clock.h"

static void find_health(struct doctor *d, const struct http *h)
{
    struct answer answer;
    answer_read(http_body(h), NULL, NULL, &answer);
    const int status = http_status(h);
    if (status != 200 && status != 503) {
        report_find(&d->report, REPORT_FAILED, "%s answers %d to /health%s%s", d->url, status,
                    answer.detail[0] ? ": " : "", answer.detail);
        report_mend(&d->report, "is this the producer? Set HOLDFAST_URL to its address");
        return;
    }
    d->producer_answers = true;
    if (status == 200) {
        report_find(&d->report, REPORT_OK, "%s is %s, version %s", d->url,
                    answer.status[0] ? answer.status : "there",
                    answer.version[0] ? answer.version : "unknown");
        return;
    }
    report_find(&d->report, REPORT_FAILED, "%s is %s: %s", d->url,
                answer.status[0] ? answer.status : "not healthy", answer.checks);
    report_mend(&d->report, "the producer runs but cannot accept events yet; fix what is red "
                            "below, see its log for more");
}

void probe_producer(struct doctor *d)
{
    const struct http_request request = {.target = "/health",
                                         .deadline_ns = clock_now_ns() + d->timeout_ns};
    struct http *h = http_create(d->http, d->url);
    report_begin(&d->report, "producer");
    if (!h) {
        report_find(&d->report, REPORT_FAILED, "out of memory");
        return;
    }
    const enum http_state state = http_ask(h, &request);
    if (state == HTTP_ANSWERED) {
        find_health(d, h);
    } else {
        const char *mend = http_mend(h);
        report_find(&d->report, state == HTTP_UNTRUSTED ? REPORT_FAILED : REPORT_AWAY, "%s",
                    http_reason(h));
        report_mend(&d->report, "%s",
                    mend ? mend
                         : "start holdfast-producer, or set HOLDFAST_URL to where it listens");
    }
    http_destroy(h);
}
