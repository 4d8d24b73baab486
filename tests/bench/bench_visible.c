/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When do rows become visible to others? A session of its own asks every millisecond which
 * transactions have been committed (the way a reader resumes: batches not below the oldest
 * transaction that was running at the last look), and prints the moment it had the answer
 * (CLOCK_MONOTONIC, nanoseconds) with each batch it sees. A moment is up to one look too late and
 * never too early. Runs until its input is closed; then the last line is "looks", their number,
 * and the longest time between two of them in nanoseconds. The server is named by the PG*
 * variables.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/core/clock.h"

#define EVERY_NS CLOCK_MS

static const char query[] = "SELECT pg_snapshot_xmin(pg_current_snapshot()), NULL UNION ALL "
                            "SELECT NULL, batch_id FROM batches WHERE xid >= $1::xid8";

static PGresult *checked(PGconn *pg, PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    fprintf(stderr, "%s", PQerrorMessage(pg));
    exit(1);
}

/* Prints what is there; from becomes the oldest transaction still running. */
static void look(PGconn *pg, char *from, size_t size)
{
    const char *const parameter = from;
    PGresult *r = checked(pg, PQexecPrepared(pg, "look", 1, &parameter, NULL, NULL, 0));
    const int64_t now_ns = clock_now_ns();
    for (int i = 0; i < PQntuples(r); i++) {
        if (PQgetisnull(r, i, 1))
            snprintf(from, size, "%s", PQgetvalue(r, i, 0));
        else
            printf("%lld %s\n", (long long)now_ns, PQgetvalue(r, i, 1));
    }
    PQclear(r);
}

static bool is_input_closed(int64_t wait_ns)
{
    struct pollfd input = {0, POLLIN, 0};
    const struct timespec wait = {0, wait_ns > 0 ? wait_ns : 0};
    return ppoll(&input, 1, &wait, NULL) != 0;
}

int main(void)
{
    static char buffer[1 << 20];
    char from[32] = "0";
    int64_t longest_ns = 0, last_ns = 0;
    long looks = 0;
    PGconn *pg = PQconnectdb("");
    if (PQstatus(pg) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(pg));
        return 1;
    }
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    prctl(PR_SET_TIMERSLACK, 1UL);
    PQclear(checked(pg, PQprepare(pg, "look", query, 1, NULL)));
    int64_t due_ns = clock_now_ns();
    do {
        look(pg, from, sizeof from);
        const int64_t now_ns = clock_now_ns();
        if (looks++ > 0 && now_ns - last_ns > longest_ns)
            longest_ns = now_ns - last_ns;
        last_ns = now_ns;
        due_ns = now_ns > due_ns + EVERY_NS ? now_ns : due_ns + EVERY_NS;
    } while (!is_input_closed(due_ns - clock_now_ns()));
    look(pg, from, sizeof from);
    printf("looks %ld %lld\n", looks, (long long)longest_ns);
    PQfinish(pg);
    return 0;
}
