/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose clock differs from PostgreSQL's. Each is asked for its time between two looks at our own
 * clock, which need not be right itself: ours beside theirs and ours beside the database's give
 * theirs beside the database's, within what the two answers took.
 */
#include "cli/doctor.h"

#include "cli/answer.h"
#include "common/core/clock.h"
#include "common/core/skew.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORTH_A_WORD_US INT64_C(1000000)

struct clocks {
    struct doctor *doctor;
    struct skew database; /* our clock minus the database's */
    struct buffer words;  /* what each clock is */
    struct buffer wrong;  /* whose are worth a word */
    int64_t largest_us;   /* of what any differs, without its sign */
    size_t told, ahead, behind;
};

static bool ask_database(struct doctor *d, struct skew *out)
{
    struct db_fault ignored;
    const int64_t asked_us = clock_wall_us();
    PGresult *rows =
        db_query(d->db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", NULL, 0,
                 &ignored);
    if (!rows)
        return false;
    skew_learn(out, strtoll(PQgetvalue(rows, 0, 0), NULL, 10), asked_us, clock_wall_us());
    PQclear(rows);
    return out->known;
}

/* Every daemon's /health tells its time, whatever else it says. */
static bool ask_daemon(struct doctor *d, const char *url, struct skew *out)
{
    const struct http_request request = {.target = "/health",
                                         .deadline_ns = clock_now_ns() + d->timeout_ns};
    struct answer answer = {0};
    int64_t theirs_us;
    struct http *h = http_create(d->http, url);
    if (!h)
        return false;
    const int64_t asked_us = clock_wall_us();
    if (http_ask(h, &request) == HTTP_ANSWERED)
        answer_read(http_body(h), NULL, NULL, &answer);
    if (clock_parse(slice_of(answer.timestamp), &theirs_us))
        skew_learn(out, theirs_us, asked_us, clock_wall_us());
    http_destroy(h);
    return out->known;
}

/* Their clock minus the database's, at the least; 0 when nothing is proved. */
static int64_t beside_database(const struct skew *database, const struct skew *theirs)
{
    const int64_t least_us = database->least_us - theirs->most_us;
    const int64_t most_us = database->most_us - theirs->least_us;
    if (least_us > 0)
        return least_us;
    return most_us < 0 ? most_us : 0;
}

static void add(struct clocks *c, const char *whose, int64_t us)
{
    char text[SKEW_TEXT_SIZE + 1];
    skew_format(us, text);
    buffer_printf(&c->words, "%s%s %s", c->words.size > 0 ? ", " : "", whose, text);
    c->told++;
    if (llabs(us) < WORTH_A_WORD_US)
        return;
    buffer_printf(&c->wrong, "%s%s", c->wrong.size > 0 ? ", " : "", whose);
    c->ahead += us > 0;
    c->behind += us < 0;
    if (llabs(us) > c->largest_us)
        c->largest_us = llabs(us);
}

static void add_daemon(struct clocks *c, const char *whose, const char *url)
{
    struct skew theirs = {0};
    if (ask_daemon(c->doctor, url, &theirs))
        add(c, whose, beside_database(&c->database, &theirs));
    else
        buffer_printf(&c->words, ", %s unknown", whose);
}

/* One consumer: the one METRICS_HOST and METRICS_PORT name. */
static void add_consumer(struct clocks *c)
{
    const struct config *config = c->doctor->config;
    const char *host = config->metrics_host;
    char url[300];
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    snprintf(url, sizeof url, strchr(host, ':') ? "http://[%s]:%" PRId64 : "http://%s:%" PRId64,
             host, config->metrics_port);
    if (!http_url_fault(url))
        add_daemon(c, "consumer", url);
}

static void mend(struct clocks *c)
{
    /* All of several, in one direction: what they are compared with is the odd one. */
    if (c->told > 1 && (c->ahead == c->told || c->behind == c->told))
        report_mend(&c->doctor->report, "every clock differs from PostgreSQL's: set that of its "
                                        "machine, and let NTP keep it (chrony, systemd-timesyncd)");
    else
        report_mend(&c->doctor->report,
                    "set the clock of: %.*s; and let NTP keep it (chrony, systemd-timesyncd)",
                    SLICE_ARGS(buffer_slice(&c->wrong)));
}

void probe_clocks(struct doctor *d)
{
    struct clocks c = {.doctor = d};
    report_begin(&d->report, "clocks");
    if (!d->db || !ask_database(d, &c.database)) {
        report_find(&d->report, REPORT_SKIPPED, "the time of the database cannot be read");
        return;
    }
    add(&c, "this machine", skew_us(&c.database));
    add_daemon(&c, "producer", d->url);
    add_consumer(&c);
    report_find(&d->report,
                c.largest_us > SKEW_MAX_US ? REPORT_FAILED
                : c.largest_us > 0         ? REPORT_NOTE
                                           : REPORT_OK,
                "%.*s; the broker's clock cannot be read", SLICE_ARGS(buffer_slice(&c.words)));
    if (c.largest_us > 0)
        mend(&c);
    buffer_finish(&c.words);
    buffer_finish(&c.wrong);
}
