-- SPDX-License-Identifier: Apache-2.0
-- A piece of a batch that was refused, in search of the culprit. Pieces that are taken stay for the
-- ones after them; the transaction is rolled back in the end.
SAVEPOINT piece;
DELETE FROM pg_temp.stage;
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
RELEASE SAVEPOINT piece;
