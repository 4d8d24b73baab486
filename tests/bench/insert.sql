-- SPDX-License-Identifier: Apache-2.0
-- For pgbench: one event as a transaction of its own, its id in the order of time as a UUIDv7 is.
INSERT INTO log_events (id, received_at, event_id, event_type, severity, occurred_at, session_id,
                        routing_key, priority, payload, state, metadata, batch_id, position)
SELECT v.id, now(), v.id::text, 'llm_query_sent', 'info', now(), 1 + random() * 997,
       'events.llm_query_sent', 5,
       jsonb_build_object('code_language', 'python', 'file_count', 3, 'user_agent', 'VSCode/1.74.0',
                          'pad', repeat('p', 150)), '{}', '{}', v.id, 0
FROM (SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
              || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid AS id) AS v;
