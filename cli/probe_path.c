/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of type holdfast.doctor, posted and then waited for. Its key is claimed in the same
 * transaction that stores it, so event_keys, which the consumer's login may read, tells it.
 */
#include "cli/doctor.h"

#include "cli/answer.h"
#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/id.h"

#include <poll.h>
#include <stdio.h>

static void find_answer(struct doctor *d, const struct http *h)
{
    struct answer answer;
    answer_read(http_body(h), NULL, NULL, &answer);
    const int status = http_status(h);
    if (status == 202) {
        report_find(&d->report, REPORT_OK, "202: durably queued");
        return;
    }
    report_find(&d->report, status == 503 || status == 429 ? REPORT_AWAY : REPORT_FAILED,
                "the producer answers %d: %s", status, answer.detail);
    if (status == 503)
        report_mend(&d->report, "the producer has no working connection to the broker: fix that, "
                                "or compare its RABBITMQ_* with the ones here");
}

static bool post_event(struct doctor *d, const char *event_id)
{
    char body[256];
    const int size = snprintf(body, sizeof body,
                              "{\"event_id\":\"%s\",\"event_type\":\"holdfast.doctor\","
                              "\"severity\":\"debug\",\"source_component\":\"doctor\"}",
                              event_id);
    const struct http_request request = {.target = "/log",
                                         .content_type = "application/json",
                                         .body = {body, (size_t)size},
                                         .deadline_ns = clock_now_ns() + d->timeout_ns};
    struct http *h = http_create(d->http, d->url);
    bool accepted = false;
    report_begin(&d->report, "accept");
    if (!h) {
        report_find(&d->report, REPORT_FAILED, "out of memory");
        return false;
    }
    if (http_ask(h, &request) == HTTP_ANSWERED) {
        find_answer(d, h);
        accepted = http_status(h) == 202;
    } else {
        report_find(&d->report, REPORT_AWAY, "%s", http_reason(h));
    }
    http_destroy(h);
    return accepted;
}

static void find_absence(struct doctor *d)
{
    report_find(&d->report, REPORT_FAILED, "accepted, but not stored within %lld s",
                (long long)(d->timeout_ns / CLOCK_S));
    if (d->queue_exists && d->consumers == 0)
        report_mend(&d->report, "the queue has no consumer: start holdfast-consumer; the event "
                                "waits safely in the queue");
    else
        report_mend(&d->report, "a consumer runs but stores nothing in this database: compare its "
                                "DATABASE_* with the ones here, see its log and its /health");
}

static void wait_for_row(struct doctor *d, const char *event_id)
{
    const char *const values[] = {event_id};
    const int64_t end_ns = clock_now_ns() + d->timeout_ns;
    struct backoff backoff = {.base_ns = 5 * CLOCK_MS, .cap_ns = 100 * CLOCK_MS};
    report_begin(&d->report, "store");
    db_set_deadline(d->db, end_ns + CLOCK_S);
    for (;;) {
        struct db_fault fault;
        PGresult *result = db_query(d->db, "SELECT id FROM public.event_keys WHERE event_id = $1",
                                    values, 1, &fault);
        if (!result) {
            report_find(&d->report, REPORT_FAILED, "%s", fault.text);
            return;
        }
        const bool stored = PQntuples(result) > 0;
        PQclear(result);
        if (stored) {
            report_find(&d->report, REPORT_OK, "event %s is a committed row", event_id);
            return;
        }
        if (clock_now_ns() >= end_ns) {
            find_absence(d);
            return;
        }
        (void)poll(NULL, 0, (int)(backoff_next(&backoff) / CLOCK_MS) + 1);
    }
}

void probe_path(struct doctor *d)
{
    char event_id[ID_TEXT_SIZE + 1];
    struct id id;
    id_make(&id);
    id_format(&id, event_id);
    if (!d->producer_answers) {
        report_begin(&d->report, "accept");
        report_find(&d->report, REPORT_SKIPPED, "no event is sent: the producer does not answer");
        return;
    }
    if (!post_event(d, event_id))
        return;
    if (d->db && d->is_migrated) {
        wait_for_row(d, event_id);
        return;
    }
    report_begin(&d->report, "store");
    report_find(&d->report, REPORT_SKIPPED, "the database cannot be queried for event %s",
                event_id);
}
