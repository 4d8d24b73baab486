-- SPDX-License-Identifier: Apache-2.0
-- Whether a batch could be stored now: connection, rights, locks, room on the disk.
BEGIN;
INSERT INTO batches (batch_id, consumer, events) VALUES (gen_random_uuid(), 'probe', 0);
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
FROM pg_temp.stage WHERE false;
ROLLBACK;
