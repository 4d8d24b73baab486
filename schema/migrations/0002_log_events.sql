-- SPDX-License-Identifier: Apache-2.0
-- The events. Rows are added and never changed: the writer may only INSERT, and triggers stop an
-- owner's accident; retention takes whole partitions away. Columns follow the event's fields in
-- their order. Ids are compared bytewise (COLLATE "C"), so that an upgrade of the system's locales
-- cannot disorder an index.
--
-- The checks refuse only what would be nonsense to every reader; the gate before the queue says
-- the rest, with better words.

SET LOCAL ROLE holdfast_owner;

CREATE TYPE severity AS ENUM ('debug', 'info', 'warning', 'error', 'critical');

CREATE TABLE log_events (
    id               uuid             NOT NULL,
    received_at      timestamptz      NOT NULL,
    stored_at        timestamptz      NOT NULL DEFAULT now(),
    event_id         text COLLATE "C" NOT NULL,
    event_type       text             NOT NULL,
    severity         severity         NOT NULL,
    occurred_at      timestamptz      NOT NULL,
    system           text,
    service          text,
    service_version  text,
    source_component text,
    source           text,
    title            text,
    description      text,
    tags             text[],
    duration_ms      double precision,
    success          boolean,
    session_id       bigint,
    correlation_id   text COLLATE "C",
    trace_id         text COLLATE "C",
    span_id          text COLLATE "C",
    workflow_id      text COLLATE "C",
    job_id           text COLLATE "C",
    worker_id        text COLLATE "C",
    queue            text,
    bom_id           text COLLATE "C",
    tenant_id        text COLLATE "C",
    organization_id  text COLLATE "C",
    project_id       text COLLATE "C",
    user_id          text COLLATE "C",
    routing_key      text             NOT NULL,
    priority         smallint         NOT NULL,
    payload          jsonb            NOT NULL DEFAULT '{}',
    state            jsonb            NOT NULL DEFAULT '{}',
    metadata         jsonb            NOT NULL DEFAULT '{}',
    batch_id         uuid             NOT NULL,
    position         integer          NOT NULL,
    PRIMARY KEY (id, received_at),
    CONSTRAINT event_type_is_said CHECK (event_type <> ''),
    CONSTRAINT priority_is_0_to_9 CHECK (priority BETWEEN 0 AND 9),
    CONSTRAINT duration_is_finite CHECK (duration_ms >= 0 AND duration_ms < 'Infinity'),
    CONSTRAINT session_is_positive CHECK (session_id > 0),
    CONSTRAINT bodies_are_objects CHECK (jsonb_typeof(payload) = 'object'
        AND jsonb_typeof(state) = 'object' AND jsonb_typeof(metadata) = 'object')
) PARTITION BY RANGE (received_at);

COMMENT ON TABLE log_events IS 'The events, append-only; a month of received_at (UTC) each partition.';
COMMENT ON COLUMN log_events.id IS 'UUIDv7 made by the producer at acceptance.';
COMMENT ON COLUMN log_events.event_id IS 'The id the client was told: its own, or the text of id.';
COMMENT ON COLUMN log_events.batch_id IS 'The transaction that wrote the row; see batches.';
COMMENT ON COLUMN log_events.position IS 'Where in its batch the row stands.';

-- Time is read in ranges over rows that lie in its order: BRIN costs next to nothing. The ids below
-- are mostly absent, and where present they are how the event is asked for.
CREATE INDEX log_events_received_at ON log_events USING brin (received_at) WITH (autosummarize = on);
CREATE INDEX log_events_occurred_at ON log_events USING brin (occurred_at) WITH (autosummarize = on);
CREATE INDEX log_events_session_id ON log_events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX log_events_correlation_id ON log_events (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX log_events_workflow_id ON log_events (workflow_id) WHERE workflow_id IS NOT NULL;
CREATE INDEX log_events_bom_id ON log_events (bom_id) WHERE bom_id IS NOT NULL;
CREATE INDEX log_events_job_id ON log_events (job_id) WHERE job_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Old events leave by dropping their partition.';
END $$;

-- By statement: COPY and INSERT pay nothing. A trigger of the parent does not fire for a statement
-- that names a partition, so each partition gets its own.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Sees to it that every moment from from_time to to_time, both included, has its partition; returns
-- how many it made. Made apart and then attached: ATTACH lets others insert meanwhile, where
-- CREATE ... PARTITION OF would wait for them all and stop them.
CREATE FUNCTION ensure_partitions(from_time timestamptz, to_time timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    months integer;
    first_month timestamp;
    month_start timestamp;
    partition_name text;
    made integer := 0;
BEGIN
    IF from_time IS NULL OR to_time IS NULL OR from_time > to_time
       OR from_time < '2000-01-01 00:00:00+00' OR to_time >= '2201-01-01 00:00:00+00' THEN
        RAISE EXCEPTION 'no partitions from % to %: both must be given, in order, in the years 2000 to 2200',
            from_time, to_time USING ERRCODE = 'invalid_parameter_value';
    END IF;
    first_month := date_trunc('month', from_time AT TIME ZONE 'UTC');
    months := (extract(year FROM to_time) - extract(year FROM first_month)) * 12
              + extract(month FROM to_time) - extract(month FROM first_month) + 1;
    IF months > 120 THEN
        RAISE EXCEPTION '% partitions at once, at most 120 are made', months
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(1215261796, 2);
    FOR month_number IN 0 .. months - 1 LOOP
        month_start := first_month + make_interval(months => month_number);
        partition_name := 'log_events_' || to_char(month_start, 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.log_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION)',
                       partition_name);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()',
                       partition_name);
        EXECUTE format('ALTER TABLE public.log_events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       partition_name, month_start::text || '+00',
                       (month_start + interval '1 month')::text || '+00');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- All but stored_at, which is the database's to say.
GRANT INSERT (id, received_at, event_id, event_type, severity, occurred_at, system, service,
              service_version, source_component, source, title, description, tags, duration_ms, success,
              session_id, correlation_id, trace_id, span_id, workflow_id, job_id, worker_id, queue, bom_id,
              tenant_id, organization_id, project_id, user_id, routing_key, priority, payload, state,
              metadata, batch_id, position) ON log_events TO holdfast_writer;
GRANT EXECUTE ON FUNCTION ensure_partitions TO holdfast_writer, holdfast_migrator;

SELECT ensure_partitions(now(), now() + interval '3 months');
