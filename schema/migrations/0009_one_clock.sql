-- SPDX-License-Identifier: Apache-2.0
-- Times that are compared are of one clock, the database's; and a login that may only read cannot
-- hold up those that store.

-- Large objects are data outside of every table, which no right of a table guards, and nothing here
-- uses them. The functions are PostgreSQL's own: only a superuser can take them from PUBLIC.
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea),
            lo_import(text), lo_import(text, oid) FROM PUBLIC;
    END IF;
END $$;

SET LOCAL ROLE holdfast_owner;

-- How old a key is, is counted from when the database saw it; received_at is what some producer's
-- clock said. Keys that are there already count from now: none is forgotten early.
ALTER TABLE event_keys ADD COLUMN claimed_at timestamptz NOT NULL DEFAULT now();
DROP INDEX event_keys_received_at;
CREATE INDEX event_keys_claimed_at ON event_keys USING brin (claimed_at) WITH (autosummarize = on);
COMMENT ON COLUMN event_keys.claimed_at IS 'When the key was claimed, by the database''s clock.';
COMMENT ON COLUMN event_keys.received_at IS 'When its event was received, by the producer''s clock.';
REVOKE INSERT ON event_keys FROM holdfast_writer;
GRANT INSERT (event_id, id, digest, received_at) ON event_keys TO holdfast_writer;

-- Deletes some of the keys claimed longer ago than older_than, at most 5000, and returns how many;
-- the caller goes on in further transactions until it is 0. Rows somebody has locked are left for
-- the next time.
CREATE OR REPLACE FUNCTION purge_event_keys(older_than interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deleted integer;
BEGIN
    IF older_than IS NULL OR older_than < interval '1 hour' THEN
        RAISE EXCEPTION 'keys are kept for an hour at least, not %', older_than
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM public.event_keys WHERE event_id IN (
        SELECT k.event_id FROM public.event_keys k
        WHERE k.claimed_at < now() - older_than LIMIT 5000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;

-- As before, for any time a machine's clock can say, 1970 to 2200. Two callers at once wait for each
-- other by a lock on the table itself, the one ATTACH takes anyway: an advisory lock can be had by
-- everybody who may connect, and holding it would stop the writers.
CREATE OR REPLACE FUNCTION ensure_partitions(from_time timestamptz, to_time timestamptz) RETURNS integer
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
       OR from_time < '1970-01-01 00:00:00+00' OR to_time >= '2201-01-01 00:00:00+00' THEN
        RAISE EXCEPTION 'no partitions from % to %: both must be given, in order, in the years 1970 to 2200',
            from_time, to_time USING ERRCODE = 'invalid_parameter_value';
    END IF;
    first_month := date_trunc('month', from_time AT TIME ZONE 'UTC');
    months := (extract(year FROM to_time) - extract(year FROM first_month)) * 12
              + extract(month FROM to_time) - extract(month FROM first_month) + 1;
    IF months > 120 THEN
        RAISE EXCEPTION '% partitions at once, at most 120 are made', months
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOCK TABLE public.log_events IN SHARE UPDATE EXCLUSIVE MODE;
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

-- Makes partitions for the months of these moments, and for now and the two months to come: at most
-- 50 that are missing, for each takes locks until the transaction ends. How many were missing and
-- seen to; the caller goes on in further transactions until it is 0. There are 2,772 months in all,
-- so many partitions can be had by somebody who may write to the queue, and no more.
CREATE FUNCTION ensure_months(moments timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month_start timestamptz;
    seen_to integer := 0;
BEGIN
    FOR month_start IN
        SELECT DISTINCT date_trunc('month', moment)
        FROM (SELECT unnest(moments)
              UNION ALL SELECT now() + make_interval(months => n) FROM generate_series(0, 2) AS n) AS wanted (moment)
        WHERE to_regclass('public.log_events_' || to_char(moment, 'YYYY_MM')) IS NULL
        ORDER BY 1 LIMIT 50
    LOOP
        PERFORM public.ensure_partitions(month_start, month_start);
        seen_to := seen_to + 1;
    END LOOP;
    RETURN seen_to;
END $$;
COMMENT ON FUNCTION ensure_months IS 'Makes some of the partitions missing for these moments.';
GRANT EXECUTE ON FUNCTION ensure_months TO holdfast_writer, holdfast_migrator;
