-- SPDX-License-Identifier: Apache-2.0
-- What could not become a row of log_events, bytes and all:
--   data        PostgreSQL refused the event
--   conflict    its event_id was taken by an event that says something else
--   unreadable  the body on the queue is no event
-- A message that comes again is the same row with one more attempt.

SET LOCAL ROLE holdfast_owner;

CREATE TABLE quarantine (
    quarantine_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason        text        NOT NULL CHECK (reason IN ('data', 'conflict', 'unreadable')),
    event_id      text,
    message_id    text,
    sqlstate      text,
    message       text        NOT NULL,
    raw           bytea       NOT NULL,
    digest        bytea       NOT NULL CHECK (octet_length(digest) = 32),
    attempts      integer     NOT NULL DEFAULT 1,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    state         text        NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'replayed', 'discarded'))
);
CREATE UNIQUE INDEX quarantine_once ON quarantine (reason, digest, coalesce(message_id, ''));
CREATE INDEX quarantine_new ON quarantine (quarantine_id) WHERE state = 'new';
COMMENT ON TABLE quarantine IS 'What could not be stored, with the reason, to be repaired and replayed.';
COMMENT ON COLUMN quarantine.raw IS 'The line of the event, or the whole body when it is unreadable.';
COMMENT ON COLUMN quarantine.digest IS 'SHA-256 of raw.';

GRANT INSERT (reason, event_id, message_id, sqlstate, message, raw, digest),
      SELECT (reason, message_id, digest, attempts),
      UPDATE (attempts, last_seen) ON quarantine TO holdfast_writer;
