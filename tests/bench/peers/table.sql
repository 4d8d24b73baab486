-- SPDX-License-Identifier: Apache-2.0
-- The peers' table: five columns and three indexes where Holdfast writes all fields of an event.
CREATE TABLE peer_log_events (
    id         bigserial   PRIMARY KEY,
    session_id bigint,
    event_type text        NOT NULL,
    payload    jsonb       NOT NULL,
    timestamp  timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON peer_log_events (session_id);
CREATE INDEX ON peer_log_events (event_type);
CREATE INDEX ON peer_log_events (created_at);
