-- SPDX-License-Identifier: Apache-2.0
-- The rows of a batch that may have been stored before: each meets itself by its primary key. Rows
-- are inserted in the order of their ids, so that two sessions storing the same events wait for each
-- other and do not deadlock.
COPY pg_temp.stage (
    id, received_at, event_id, event_type, severity, occurred_at, system, service,
    service_version, source_component, source, title, description, tags, duration_ms, success,
    session_id, correlation_id, trace_id, span_id, workflow_id, job_id, worker_id, queue, bom_id,
    tenant_id, organization_id, project_id, user_id, routing_key, priority, payload, state,
    metadata, batch_id, position
) FROM STDIN (FORMAT binary);
INSERT INTO log_events (
    id, received_at, event_id, event_type, severity, occurred_at, system, service,
    service_version, source_component, source, title, description, tags, duration_ms, success,
    session_id, correlation_id, trace_id, span_id, workflow_id, job_id, worker_id, queue, bom_id,
    tenant_id, organization_id, project_id, user_id, routing_key, priority, payload, state,
    metadata, batch_id, position)
SELECT
    id, received_at, event_id, event_type, severity, occurred_at, system, service,
    service_version, source_component, source, title, description, tags, duration_ms, success,
    session_id, correlation_id, trace_id, span_id, workflow_id, job_id, worker_id, queue, bom_id,
    tenant_id, organization_id, project_id, user_id, routing_key, priority, payload, state,
    metadata, batch_id, position
FROM pg_temp.stage ORDER BY id
ON CONFLICT DO NOTHING;
