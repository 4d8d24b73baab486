-- SPDX-License-Identifier: Apache-2.0
-- One row for each transaction that stored events. It makes reading resumable: a cursor is
-- (xid, batch_id, position), and what lies below pg_snapshot_xmin(pg_current_snapshot()) is
-- complete, however slowly somebody else commits. The writer cannot name xid or committed_at.

SET LOCAL ROLE holdfast_owner;

CREATE TABLE batches (
    batch_id     uuid        PRIMARY KEY,
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    consumer     text        NOT NULL,
    events       integer     NOT NULL CHECK (events >= 0),
    duplicates   integer     NOT NULL DEFAULT 0 CHECK (duplicates >= 0),
    quarantined  integer     NOT NULL DEFAULT 0 CHECK (quarantined >= 0),
    committed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX batches_xid ON batches (xid);
COMMENT ON TABLE batches IS 'One row for each committed transaction of a consumer.';
COMMENT ON COLUMN batches.events IS 'Rows the transaction added to log_events.';

GRANT INSERT (batch_id, consumer, events, duplicates, quarantined) ON batches TO holdfast_writer;
