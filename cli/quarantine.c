/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quarantine.h"

#include "cli/cli.h"
#include "cli/requeue.h"
#include "common/core/clock.h"
#include "common/event/event.h"

#include <stdio.h>
#include <string.h>

#define STATEMENT_NS (60 * CLOCK_S)
#define CONFIRM_NS   (30 * CLOCK_S)

struct acting {
    enum quarantine_act act;
    struct db *db;
    struct requeue *requeue;     /* owned */
    struct event_reader *reader; /* owned */
    struct buffer line;          /* of the event about an act */
};

int quarantine_fail(const char *doing, const struct db_fault *f)
{
    cli_say("%s: %s%s%s%s", doing, f->text, f->sqlstate[0] ? " (SQLSTATE " : "", f->sqlstate,
            f->sqlstate[0] ? ")" : "");
    if (strcmp(f->sqlstate, "42501") == 0 || strcmp(f->sqlstate, "22023") == 0)
        cli_say("set DATABASE_ADMIN_USER to whoever runs `holdfast migrate`");
    if (db_is_refusal(f))
        return CLI_REFUSED;
    return db_is_away(f) ? CLI_UNAVAILABLE : CLI_FAILED;
}

bool quarantine_bytes(const char *text, struct buffer *out)
{
    size_t size = 0;
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)text, &size);
    buffer_clear(out);
    if (!bytes)
        return false;
    buffer_add(out, bytes, size);
    PQfreemem(bytes);
    return !out->failed;
}

/* Of the row that is held: reason, state, raw, digest, event_id, who asks. */
enum column { C_REASON, C_STATE, C_RAW, C_DIGEST, C_EVENT_ID, C_WHO };

/* The line of the event that says what is done. False: no memory. */
static bool write_event(struct acting *job, const char *id, const PGresult *row)
{
    struct buffer text = {0};
    struct gate_value value;
    struct gate_verdict verdict;
    struct event_faults faults = {0};
    struct log_event e;
    buffer_printf(&text,
                  "{\"event_type\":\"holdfast.quarantine_%s\",\"severity\":\"notice\","
                  "\"source\":\"holdfast\",\"payload\":{\"quarantine_id\":%s,\"reason\":\"%s\","
                  "\"digest\":\"%s\",\"event_id\":",
                  job->act == QUARANTINE_REPLAY ? "replayed" : "discarded", id,
                  PQgetvalue(row, 0, C_REASON), PQgetvalue(row, 0, C_DIGEST));
    buffer_add_json_string(&text, slice_of(PQgetvalue(row, 0, C_EVENT_ID)));
    buffer_add_text(&text, ",\"by\":");
    buffer_add_json_string(&text, slice_of(PQgetvalue(row, 0, C_WHO)));
    buffer_add_text(&text, "}}");
    buffer_clear(&job->line);
    const bool good =
        !text.failed &&
        gate_scan_whole(event_reader_gate(job->reader), buffer_slice(&text), &value, &verdict) &&
        event_read(job->reader, &value, &e, &faults);
    if (good) {
        id_make(&e.id);
        e.received_at = clock_wall_us();
        event_write_line(&e, &job->line);
    }
    buffer_finish(&text);
    return good && !job->line.failed;
}

/* What the act says to the queue. */
static bool put(struct acting *job, const char *id, const PGresult *row)
{
    char message_id[64];
    struct buffer raw = {0};
    struct requeue_message messages[2] = {{"holdfast-quarantine", buffer_slice(&job->line)}};
    size_t count = 1;
    bool good = true;
    snprintf(message_id, sizeof message_id, "holdfast-quarantine-%s", id);
    if (job->act == QUARANTINE_REPLAY) {
        good = quarantine_bytes(PQgetvalue(row, 0, C_RAW), &raw);
        messages[count++] = (struct requeue_message){message_id, buffer_slice(&raw)};
    }
    if (!good)
        cli_say("out of memory");
    else if (!(good = requeue_put(job->requeue, messages, count, clock_now_ns() + CONFIRM_NS)))
        cli_say("cannot put it on the queue: %s", requeue_reason(job->requeue));
    buffer_finish(&raw);
    return good;
}

/* The row is held. -1: go on; else the exit code. */
static int check(const struct acting *job, const char *id, const PGresult *row)
{
    if (PQntuples(row) == 0) {
        cli_say("there is no row %s in quarantine", id);
        return CLI_PARTLY;
    }
    if (strcmp(PQgetvalue(row, 0, C_STATE), "new") != 0) {
        cli_say("row %s was %s before: left as it is", id, PQgetvalue(row, 0, C_STATE));
        return CLI_PARTLY;
    }
    if (job->act == QUARANTINE_REPLAY && strcmp(PQgetvalue(row, 0, C_REASON), "conflict") == 0) {
        cli_say("row %s is a conflict, which stays one: send its event under an event_id of its "
                "own, then discard the row",
                id);
        return CLI_PARTLY;
    }
    return -1;
}

/* Within the transaction. */
static int act_on(struct acting *job, const char *id, struct db_fault *fault)
{
    static const char hold[] =
        "SELECT reason, state, raw, encode(digest, 'hex'), coalesce(event_id, ''), session_user"
        " FROM quarantine WHERE quarantine_id = $1::bigint FOR UPDATE";
    static const char mark[] = "UPDATE quarantine SET state = $2 WHERE quarantine_id = $1::bigint";
    const char *values[] = {id, job->act == QUARANTINE_REPLAY ? "replayed" : "discarded"};
    PGresult *row = db_query(job->db, hold, &id, 1, fault);
    if (!row)
        return quarantine_fail("cannot read the quarantine", fault);
    int exit_code = check(job, id, row);
    if (exit_code < 0 && !write_event(job, id, row)) {
        cli_say("out of memory");
        exit_code = CLI_FAILED;
    }
    if (exit_code < 0 && !put(job, id, row))
        exit_code = CLI_UNAVAILABLE;
    PQclear(row);
    if (exit_code >= 0)
        return exit_code;
    PGresult *marked = db_query(job->db, mark, values, 2, fault);
    if (!marked)
        return quarantine_fail(
            "it is on the queue, but the row could not be marked; doing it again is "
            "harmless",
            fault);
    PQclear(marked);
    return -1;
}

static int act(struct acting *job, const char *id)
{
    struct db_fault fault = {0};
    db_set_deadline(job->db, clock_now_ns() + STATEMENT_NS);
    if (!db_run(job->db, "BEGIN", &fault))
        return quarantine_fail("cannot begin", &fault);
    const int exit_code = act_on(job, id, &fault);
    if (exit_code >= 0) {
        if (!db_run(job->db, "ROLLBACK", &fault))
            return quarantine_fail("cannot go on", &fault);
        return exit_code;
    }
    if (!db_run(job->db, "COMMIT", &fault))
        return quarantine_fail(
            "it is on the queue, but the row could not be marked; doing it again is "
            "harmless",
            &fault);
    printf("%s %s\n", job->act == QUARANTINE_REPLAY ? "replayed" : "discarded", id);
    return CLI_OK;
}

static int act_on_all(struct acting *job, const struct quarantine_rows *rows)
{
    struct db_fault fault = {0};
    int worst = CLI_OK;
    if (!db_run(job->db, "SET ROLE holdfast_owner", &fault))
        return quarantine_fail("no right to change the quarantine", &fault);
    for (size_t i = 0; i < rows->count; i++) {
        const int exit_code = act(job, rows->ids[i]);
        if (exit_code == CLI_FAILED || exit_code == CLI_UNAVAILABLE || exit_code == CLI_REFUSED)
            return exit_code;
        worst = exit_code != CLI_OK ? exit_code : worst;
    }
    return worst;
}

int quarantine_do(const struct config *c, struct db *d, enum quarantine_act act,
                  const struct quarantine_rows *rows)
{
    static const struct gate_limits limits = {.depth = 8, .members = 64, .digits = 1000};
    struct acting job = {
        .act = act, .db = d, .requeue = requeue_create(c), .reader = event_reader_create(&limits)};
    int exit_code = CLI_FAILED;
    if (job.requeue && job.reader)
        exit_code = act_on_all(&job, rows);
    else
        cli_say("out of memory");
    requeue_destroy(job.requeue);
    event_reader_destroy(job.reader);
    buffer_finish(&job.line);
    return exit_code;
}
