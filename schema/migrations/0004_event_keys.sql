-- SPDX-License-Identifier: Apache-2.0
-- The ids clients gave their events, claimed in the transaction that stores the event: the first
-- one wins, and the digest tells a repetition from another event under the same id. The promise
-- lasts DEDUP_DAYS; purge_event_keys forgets what is older.

SET LOCAL ROLE holdfast_owner;

CREATE TABLE event_keys (
    event_id    text COLLATE "C" PRIMARY KEY,
    id          uuid             NOT NULL,
    digest      bytea            NOT NULL,
    received_at timestamptz      NOT NULL
);
CREATE INDEX event_keys_received_at ON event_keys USING brin (received_at) WITH (autosummarize = on);
COMMENT ON TABLE event_keys IS 'Ids given by clients, each claimed by the first event that had it.';
COMMENT ON COLUMN event_keys.digest IS 'Of what the client said, without id and received_at.';

-- Deletes some of the keys received longer ago than older_than, at most 5000, and returns how many;
-- the caller goes on in further transactions until it is 0. Rows somebody has locked are left for
-- the next time.
CREATE FUNCTION purge_event_keys(older_than interval) RETURNS integer
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
        WHERE k.received_at < now() - older_than LIMIT 5000 FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;

GRANT INSERT, SELECT (event_id, id, digest) ON event_keys TO holdfast_writer;
GRANT EXECUTE ON FUNCTION purge_event_keys TO holdfast_writer;
