-- SPDX-License-Identifier: Apache-2.0
-- Events under the names older programs read them by. Ids are text here: those programs mix UUIDs,
-- numbers and names. Whoever asks needs the right to read log_events itself (security_invoker).

SET LOCAL ROLE holdfast_owner;

-- The enrichment of bills of materials; its tenant was the organization where no other was named.
CREATE VIEW enrichment_events WITH (security_invoker = true) AS
SELECT id, event_id, event_type, routing_key, bom_id,
       coalesce(tenant_id, organization_id) AS tenant_id,
       organization_id, project_id, user_id, source, workflow_id, state, payload,
       occurred_at AS created_at
FROM log_events
WHERE routing_key LIKE 'cns.%';
-- Their own, so that no other event pays; bom_id and workflow_id have theirs already.
CREATE INDEX log_events_cns_type ON log_events (event_type, occurred_at) WHERE routing_key LIKE 'cns.%';
CREATE INDEX log_events_cns_tenant ON log_events ((coalesce(tenant_id, organization_id)), occurred_at)
    WHERE routing_key LIKE 'cns.%';
COMMENT ON VIEW enrichment_events IS 'The events whose routing key begins with cns.';

-- Who did what to which protected thing. Members the event has no field for lie in the payload, or
-- in the metadata when nobody knew the type. A member of another type is null, not a failed query.
CREATE VIEW activity_log WITH (security_invoker = true) AS
SELECT e.id, e.event_id, e.user_id,
       said.body ->> 'incident_type' AS incident_type,
       e.severity,
       coalesce(e.description, said.body ->> 'description') AS description,
       CASE jsonb_typeof(said.body -> 'details') WHEN 'object' THEN said.body -> 'details'
            ELSE nullif(e.payload - '{user_id,incident_type,severity,description,user_clearance_level,required_clearance_level,access_granted,user_query,threat_type,ip_address,user_agent}'::text[], '{}') END AS details,
       said.body ->> 'user_clearance_level' AS user_clearance_level,
       said.body ->> 'required_clearance_level' AS required_clearance_level,
       CASE said.body -> 'access_granted' WHEN 'true' THEN true WHEN 'false' THEN false END AS access_granted,
       said.body ->> 'user_query' AS user_query,
       said.body ->> 'threat_type' AS threat_type,
       said.body ->> 'ip_address' AS ip_address,
       said.body ->> 'user_agent' AS user_agent,
       e.occurred_at AS created_at
FROM log_events e, LATERAL (SELECT e.metadata || e.payload) AS said (body)
WHERE e.event_type = 'activity_log';
COMMENT ON VIEW activity_log IS 'The events of type activity_log, with their members as columns.';
