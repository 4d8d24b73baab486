-- SPDX-License-Identifier: Apache-2.0
-- review_sessions, kept up to date by the events review_started, review_completed and
-- review_cancelled. The consumer hands those of a batch to note_reviews in the transaction that
-- stores them; it has no right to the tables themselves.
--
-- Events come in any order and may come again, from several consumers at once. So a row is no more
-- than the least and the greatest of what its events say, whichever came first:
--
--   started_at       the earliest time any of them tells
--   completed_at     the latest time an end is told, completed or cancelled; null while it lasts
--   status           what the latest end was; a review that has ended stays ended
--   user_id          who asked for it; should events disagree, the lesser
--   code_language    payload.code_language; likewise
--
-- A user whom an event names (user_id) and nobody knows becomes a row of users, under that name.
-- Rows are locked in the order of their names, then ids, so that two consumers wait for each other
-- and do not deadlock.

SET LOCAL ROLE holdfast_owner;

-- Something wrong with these tables (a constraint somebody added) must not stop an event: the server
-- is warned and the event is stored without.
CREATE FUNCTION note_reviews(events jsonb[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted integer;
BEGIN
    INSERT INTO public.users (username)
    SELECT DISTINCT e ->> 'user_id' FROM unnest(events) AS e
    WHERE e ->> 'user_id' <> ''
      AND NOT EXISTS (SELECT FROM public.users u WHERE u.username = e ->> 'user_id')
    ORDER BY 1
    ON CONFLICT (username) DO NOTHING;

    INSERT INTO public.review_sessions AS known
        (id, user_id, status, code_language, started_at, completed_at)
    SELECT told.id, min(told.user_id),
           coalesce((array_agg(told.status ORDER BY told.at DESC, told.status DESC)
                     FILTER (WHERE told.status <> 'started'))[1], 'started'),
           min(told.code_language), min(told.at), max(told.at) FILTER (WHERE told.status <> 'started')
    FROM (SELECT (e ->> 'session_id')::bigint AS id, u.id AS user_id,
                 substr(e ->> 'event_type', length('review_') + 1) AS status,
                 e -> 'payload' ->> 'code_language' AS code_language,
                 coalesce(e ->> 'occurred_at', e ->> 'received_at')::timestamptz AS at
          FROM unnest(events) AS e LEFT JOIN public.users u ON u.username = e ->> 'user_id'
          WHERE e ->> 'event_type' IN ('review_started', 'review_completed', 'review_cancelled')) AS told
    GROUP BY told.id ORDER BY told.id
    ON CONFLICT (id) DO UPDATE SET
        user_id = least(known.user_id, excluded.user_id),
        status = CASE WHEN (coalesce(excluded.completed_at, '-infinity'), excluded.status)
                         > (coalesce(known.completed_at, '-infinity'), known.status)
                      THEN excluded.status ELSE known.status END,
        code_language = least(known.code_language, excluded.code_language),
        started_at = least(known.started_at, excluded.started_at),
        completed_at = greatest(known.completed_at, excluded.completed_at);
    GET DIAGNOSTICS noted = ROW_COUNT;
    RETURN noted;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
    RAISE WARNING 'review sessions were not kept up to date: %', SQLERRM;
    RETURN 0;
END $$;
COMMENT ON FUNCTION note_reviews IS 'Brings review_sessions and users up to date with events.';

GRANT EXECUTE ON FUNCTION note_reviews TO holdfast_writer;
