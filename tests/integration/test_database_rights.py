# SPDX-License-Identifier: Apache-2.0
"""What the logins of consumers and readers may not do to each other: a reader holds up nobody, and
neither leaves anything outside of the tables."""
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from rig.database import Database
from rig.process import run
from rig.stack import Stack, base_env, program
from rig.wait import wait_for

LARGE_OBJECTS = ["SELECT lo_creat(-1)", "SELECT lo_create(0)", "SELECT lo_from_bytea(0, '\\x00')",
                 "SELECT lo_import('/etc/passwd')", "SELECT lo_export(1, '/tmp/x')"]


@pytest.fixture
def reader(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as session:
        session.execute("SET ROLE holdfast_reader")
        yield session


@pytest.fixture
def writer(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect(user=database.user, password=database.server.password) as session:
        yield session


def hold_what_can_be_held(reader: psycopg.Connection) -> None:
    """Every advisory lock that was ever ours, and the strongest lock on each table."""
    reader.execute("SELECT pg_advisory_lock(1215261796, n) FROM generate_series(0, 9) AS n")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM log_events, event_keys, batches, quarantine")
    reader.execute("LOCK TABLE log_events, event_keys, batches, quarantine IN ACCESS SHARE MODE")


def test_a_reader_cannot_keep_partitions_from_being_made(reader: psycopg.Connection,
                                                         writer: psycopg.Connection) -> None:
    hold_what_can_be_held(reader)
    writer.execute("SET lock_timeout = '2s'")
    assert writer.execute("SELECT ensure_partitions('2040-01-01Z', '2040-06-01Z') AS n"
                          ).fetchone()["n"] == 6
    assert writer.execute("SELECT ensure_months(ARRAY['2041-01-01Z'::timestamptz]) AS n"
                          ).fetchone()["n"] == 1


def test_a_reader_cannot_keep_keys_from_being_forgotten_or_events_from_being_stored(
        stack: Stack, reader: psycopg.Connection) -> None:
    hold_what_can_be_held(reader)
    assert stack.post([{"event_type": "rights.test", "payload": {}, "event_id": "k"}]).status_code == 202
    stack.wait_count(1)
    assert stack.database.value("SELECT purge_event_keys('30 days')") == 0


@pytest.mark.parametrize("mode", ["SHARE UPDATE EXCLUSIVE", "SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"])
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_no_stronger_lock_can_be_had(request: pytest.FixtureRequest, who: str, mode: str) -> None:
    session = request.getfixturevalue(who)
    session.execute("BEGIN")
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute(f"LOCK TABLE log_events IN {mode} MODE")


@pytest.mark.parametrize("statement", LARGE_OBJECTS)
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_nobody_makes_large_objects(request: pytest.FixtureRequest, who: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        request.getfixturevalue(who).execute(statement)


@pytest.mark.parametrize("statement", [
    "CREATE TABLE mine (x int)", "CREATE SCHEMA mine",
    "SELECT ensure_months('{}')", "SELECT note_reviews('{}')",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"])
def test_the_reader_makes_nothing(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute(statement)


def test_the_writer_does_not_say_when_a_key_was_claimed(writer: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        writer.execute("INSERT INTO event_keys (event_id, id, digest, received_at, claimed_at)"
                       " VALUES ('k', gen_random_uuid(), '', now(), now() + interval '1 year')")


def test_statements_of_the_version_before_go_on(writer: psycopg.Connection) -> None:
    """Its consumers run beside the new schema until they are replaced."""
    made = writer.execute("SELECT ensure_partitions(t, t) AS n FROM unnest(%s::timestamptz[]) AS t"
                          " UNION ALL SELECT ensure_partitions(now(), now() + interval '2 months')",
                          (["2042-01-01Z"],)).fetchall()
    assert [row["n"] for row in made] == [1, 0]
    writer.execute("INSERT INTO event_keys (event_id, id, digest, received_at) SELECT 'k',"
                   " gen_random_uuid(), '', now() ON CONFLICT DO NOTHING RETURNING event_id")
    assert writer.execute("SELECT purge_event_keys(make_interval(days => 30)) AS n").fetchone()["n"] == 0


def test_a_transaction_makes_fifty_partitions_at_most(writer: psycopg.Connection) -> None:
    moments = [f"{1970 + n // 12}-{n % 12 + 1:02}-15Z" for n in range(120)]
    made = []
    while not made or made[-1]:
        made.append(writer.execute("SELECT ensure_months(%s::timestamptz[]) AS n", (moments,)
                                   ).fetchone()["n"])
    assert made == [50, 50, 20, 0]


def test_a_migration_that_waits_tells_for_whom(database: Database) -> None:
    done = []
    with database.connect(user=database.user, password=database.server.password) as holder:
        holder.execute("SELECT pg_advisory_lock(1215261796, 1)")
        thread = threading.Thread(target=lambda: done.append(
            run([program("holdfast"), "migrate"], base_env(**database.admin_env()))))
        thread.start()
        wait_for("the migration waiting", lambda: database.value(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        pid = holder.info.backend_pid
    thread.join()
    assert done[0].returncode == 0
    assert f"{database.user}, process {pid}" in done[0].stderr
