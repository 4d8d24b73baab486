/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event made of options: `-t deploy_started -p version=1.4.2 --tag blue`. The table gives
 * the options, their help and where each value goes in the JSON object. Pure.
 */
#ifndef HOLDFAST_CLI_DRAFT_H
#define HOLDFAST_CLI_DRAFT_H

#include "cli/options.h"
#include "common/base/gate.h"

/* symbol, option, letter, member of the event, kind, what the help calls the value, help */
#define DRAFT_OPTIONS(X)                                                                           \
    X(TYPE, "type", 't', "event_type", TEXT, "TYPE", "what happened, e.g. deploy_started")         \
    X(SEVERITY, "severity", 's', "severity", TEXT, "LEVEL",                                        \
      "debug, info, warning, error, critical")                                                     \
    X(PAYLOAD, "payload", 'p', "payload", PAIR, "KEY=VALUE", "a payload member; JSON, else text")  \
    X(TAG, "tag", 0, "tags", TAG, "TAG", "a tag; may repeat, as -p may")                           \
    X(ID, "id", 0, "event_id", TEXT, "ID", "your own id: sending it again adds nothing")           \
    X(TITLE, "title", 0, "title", TEXT, "TEXT", "one line for people")                             \
    X(DESCRIPTION, "description", 0, "description", TEXT, "TEXT", "more lines for people")         \
    X(TIME, "time", 0, "occurred_at", TEXT, "TIME", "when it happened (RFC 3339; now)")            \
    X(DURATION, "duration", 0, "duration_ms", JSON, "MS", "how long it took")                      \
    X(SUCCESS, "success", 0, "success", JSON, "BOOLEAN", "true or false")                          \
    X(SYSTEM, "system", 0, "system", TEXT, "NAME", "the system it comes from")                     \
    X(SERVICE, "service", 0, "service", TEXT, "NAME", "the service")                               \
    X(COMPONENT, "component", 0, "source_component", TEXT, "NAME", "the part of it")               \
    X(SOURCE, "source", 0, "source", TEXT, "NAME", "customer, staff, system or a URI")             \
    X(SESSION, "session", 0, "session_id", JSON, "N", "session it belongs to")                     \
    X(CORRELATION, "correlation", 0, "correlation_id", TEXT, "ID", "what it is traced by")         \
    X(TRACE, "trace", 0, "trace_id", TEXT, "ID", "trace")                                          \
    X(SPAN, "span", 0, "span_id", TEXT, "ID", "span")                                              \
    X(WORKFLOW, "workflow", 0, "workflow_id", TEXT, "ID", "workflow")                              \
    X(JOB, "job", 0, "job_id", TEXT, "ID", "job")                                                  \
    X(WORKER, "worker", 0, "worker_id", TEXT, "ID", "worker")                                      \
    X(BOM, "bom", 0, "bom_id", TEXT, "ID", "bill of materials")                                    \
    X(TENANT, "tenant", 0, "tenant_id", TEXT, "ID", "tenant")                                      \
    X(ORGANIZATION, "organization", 0, "organization_id", TEXT, "ID", "organization")              \
    X(PROJECT, "project", 0, "project_id", TEXT, "ID", "project")                                  \
    X(USER, "user", 0, "user_id", TEXT, "ID", "user")

enum draft_option {
    DRAFT_NONE,
#define X(symbol, option, letter, member, kind, value, help) DRAFT_##symbol,
    DRAFT_OPTIONS(X)
#undef X
        DRAFT_END
};

struct draft {             /* all zero is an empty one */
    bool has[DRAFT_END];   /* which options were given */
    struct buffer members; /* of the event: `"a":1,"b":2` */
    struct buffer payload, tags;
};

void draft_finish(struct draft *d);

/* False with a text in out_fault when the value cannot be taken. */
MUST_CHECK bool draft_set(struct draft *d, struct gate *gate, const struct options_found *option,
                          char out_fault[256]);

bool draft_is_empty(const struct draft *d);

/* The event as a line; false with a text in out_fault when it lacks its type or is not UTF-8. */
MUST_CHECK bool draft_write(struct draft *d, struct gate *gate, struct buffer *out,
                            char out_fault[256]);

#endif
