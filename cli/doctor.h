/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor's probes, in the order of an event: the producer over HTTP, the broker, the database,
 * whose clock is wrong, and then one event all the way. Each adds rows to the report and what the
 * later ones want to know to the struct; none stops the others.
 */
#ifndef HOLDFAST_CLI_DOCTOR_H
#define HOLDFAST_CLI_DOCTOR_H

#include "cli/db.h"
#include "cli/http.h"
#include "cli/report.h"

struct doctor {
    const struct config *config; /* lent */
    struct http_client *http;    /* owned */
    const char *url;             /* of the producer, lent */
    int64_t timeout_ns;          /* of each probe */
    struct report report;
    bool producer_answers;
    bool queue_exists;
    unsigned consumers; /* of the queue of ordinary events */
    struct db *db;      /* owned; NULL when it cannot be reached */
    bool is_migrated;
};

void probe_producer(struct doctor *d);
void probe_broker(struct doctor *d);
void probe_database(struct doctor *d);
void probe_clocks(struct doctor *d);
void probe_path(struct doctor *d); /* sends an event and waits for its row */

#endif
