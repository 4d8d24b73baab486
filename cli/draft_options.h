/* SPDX-License-Identifier: Apache-2.0 */
/* The options that make an event: parser, help and the JSON object come from this list. */
#ifndef HOLDFAST_CLI_DRAFT_OPTIONS_H
#define HOLDFAST_CLI_DRAFT_OPTIONS_H

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

#endif
