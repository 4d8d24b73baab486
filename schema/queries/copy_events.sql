-- SPDX-License-Identifier: Apache-2.0
-- The rows of a batch of which none is expected to be there already. A row that is fails the whole
-- COPY with 23505; the batch is then stored by copy_again.
COPY log_events (
    id, received_at, event_id, event_type, severity, occurred_at, system, service,
    service_version, source_component, source, title, description, tags, duration_ms, success,
    session_id, correlation_id, trace_id, span_id, workflow_id, job_id, worker_id, queue, bom_id,
    tenant_id, organization_id, project_id, user_id, routing_key, priority, payload, state,
    metadata, batch_id, position
) FROM STDIN (FORMAT binary);
