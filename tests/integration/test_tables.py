# SPDX-License-Identifier: Apache-2.0
"""The tables by the older names: review_sessions and users, kept up to date by events, and the
views enrichment_events and activity_log."""
import itertools
import json
import random
import threading

import psycopg
import pytest
from psycopg import errors

from rig.database import Database
from rig.stack import Stack
from rig.wait import wait_for

REVIEWS = ("SELECT s.id, s.status, s.code_language, u.username, to_char(started_at AT TIME ZONE 'UTC',"
           " 'HH24:MI') AS started, to_char(completed_at AT TIME ZONE 'UTC', 'HH24:MI') AS ended"
           " FROM review_sessions s LEFT JOIN users u ON u.id = s.user_id ORDER BY s.id")


def line(session: int, what: str, at: str, **more: object) -> dict:
    return {"received_at": "2026-03-01T23:59:00.000000Z", "event_type": f"review_{what}",
            "session_id": session, "occurred_at": f"2026-03-01T{at}:00.000000Z", **more}


def note(session: psycopg.Connection, *lines: dict) -> int:
    row = session.execute("SELECT note_reviews(%s::jsonb[]) AS n",
                          ([json.dumps(e) for e in lines],)).fetchone()
    return row["n"]


@pytest.fixture
def writer(database: Database) -> psycopg.Connection:
    """A session with the rights of a consumer and no more."""
    with database.connect(user=database.user) as session:
        yield session


def empty(database: Database) -> None:
    with database.connect() as session:
        session.execute("TRUNCATE review_sessions, users RESTART IDENTITY")


HISTORY = [line(7, "started", "10:05", user_id="ada", payload={"code_language": "c"}),
           line(7, "cancelled", "10:20", user_id="ada"),
           line(7, "completed", "10:30"),
           line(7, "started", "10:02", payload={"code_language": "python"})]
OUTCOME = {"id": 7, "status": "completed", "code_language": "c", "username": "ada",
           "started": "10:02", "ended": "10:30"}


def test_events_of_a_review_in_any_order_and_again_make_the_same_row(
        database: Database, writer: psycopg.Connection) -> None:
    for order in itertools.permutations(HISTORY):
        cut = random.randrange(len(order))
        note(writer, *order[:cut])
        note(writer, *order[cut:], order[0])
        note(writer, *order[:2])
        assert database.rows(REVIEWS) == [OUTCOME], (cut, order)
        empty(database)


def test_an_end_told_at_one_moment_as_two_things_is_the_same_whichever_came_first(
        database: Database, writer: psycopg.Connection) -> None:
    ends = [line(1, "completed", "11:00"), line(1, "cancelled", "11:00")]
    seen = []
    for order in (ends, ends[::-1]):
        for one in order:
            note(writer, one)
        seen += database.rows(REVIEWS)
        empty(database)
    assert seen[0] == seen[1] and seen[0]["status"] == "completed"


def test_an_end_whose_beginning_is_not_known_and_clocks_that_disagree(
        database: Database, writer: psycopg.Connection) -> None:
    assert note(writer, line(1, "completed", "09:00"), line(2, "completed", "09:00"),
                line(2, "started", "09:30")) == 2
    assert [(r["started"], r["ended"]) for r in database.rows(REVIEWS)] == \
        [("09:00", "09:00"), ("09:00", "09:00")]


def test_other_events_whose_type_begins_with_review_are_none(
        database: Database, writer: psycopg.Connection) -> None:
    assert note(writer, line(1, "started_late", "09:00"), line(1, "", "09:00")) == 0
    assert note(writer) == 0
    assert database.rows(REVIEWS) == []


def test_a_user_already_known_is_taken_and_nobody_is_made_twice(
        database: Database, writer: psycopg.Connection) -> None:
    with database.connect() as session:
        session.execute("INSERT INTO users (username, email) VALUES ('ada', 'a@example.org')")
    note(writer, *(line(n, "started", "10:00", user_id=u)
                   for n, u in enumerate(["bob", "ada", "bob", ""], 1)))
    assert [r["username"] for r in database.rows(REVIEWS)] == ["bob", "ada", "bob", None]
    assert database.value("SELECT count(*) FROM users") == 2


def test_what_is_wrong_with_these_tables_stops_nothing(
        database: Database, writer: psycopg.Connection) -> None:
    with database.connect() as session:
        session.execute("ALTER TABLE users ADD CHECK (email IS NOT NULL)")
    assert note(writer, line(1, "started", "10:00", user_id="ada")) == 0
    assert database.rows(REVIEWS) == []


def test_two_writers_in_opposite_orders_do_not_deadlock(database: Database) -> None:
    faults: list[Exception] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        with database.connect(user=database.user) as session:
            for _ in range(60):
                lines = [line(n, "started", "10:00", user_id=f"u{n}") for n in range(1, 40)]
                chance.shuffle(lines)
                try:
                    note(session, *lines)
                except psycopg.Error as error:
                    faults.append(error)
    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert database.value("SELECT count(*) FROM review_sessions") == 39


@pytest.mark.parametrize("statement", [
    "INSERT INTO users (username) VALUES ('x')", "UPDATE review_sessions SET status = 'started'",
    "SELECT * FROM review_sessions", "DELETE FROM users", "SELECT * FROM enrichment_events",
    "SELECT * FROM activity_log"])
def test_the_writer_may_not(statement: str, writer: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        writer.execute(statement)


def test_the_reader_reads_the_views_and_may_not_note(database: Database) -> None:
    with database.connect() as session:
        session.execute("SET ROLE holdfast_reader")
        for name in ("enrichment_events", "activity_log", "review_sessions", "users"):
            session.execute(f"SELECT * FROM {name}")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("SELECT note_reviews('{}')")


def columns(database: Database, name: str) -> list[str]:
    return [r["attname"] for r in database.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (name,))]


def test_the_views_have_the_columns_older_programs_ask_for(database: Database) -> None:
    assert columns(database, "enrichment_events") == [
        "id", "event_id", "event_type", "routing_key", "bom_id", "tenant_id", "organization_id",
        "project_id", "user_id", "source", "workflow_id", "state", "payload", "created_at"]
    assert set(columns(database, "activity_log")) >= {
        "user_id", "incident_type", "severity", "description", "details", "user_clearance_level",
        "required_clearance_level", "access_granted", "user_query", "threat_type", "ip_address",
        "user_agent", "created_at"}


def test_a_member_of_another_type_is_null_in_the_view(stack: Stack) -> None:
    sent = {"event_type": "activity_log", "event_id": "odd", "user_id": 1, "severity": "HIGH",
            "description": "d", "payload": {"incident_type": "I", "access_granted": True}}
    assert stack.post(sent).status_code == 202
    stack.event("odd")
    with stack.database.connect() as session:
        session.execute("INSERT INTO log_events (id, received_at, event_id, event_type, severity,"
                        " occurred_at, routing_key, priority, payload, batch_id, position) VALUES"
                        " (gen_random_uuid(), now(), 'odder', 'activity_log', 'info', now(), 'k', 5,"
                        " '{\"access_granted\": \"maybe\", \"details\": 5}', gen_random_uuid(), 0)")
    row, odder = stack.database.rows("SELECT * FROM activity_log ORDER BY created_at")
    assert (row["user_id"], row["incident_type"], row["severity"], row["access_granted"]) == \
        ("1", "I", "error", True)
    assert (odder["access_granted"], odder["details"]) == (None, {"details": 5})


@pytest.mark.asan
def test_reviews_are_kept_by_the_pipeline_through_kills_and_repetition(make_stack) -> None:
    """Two consumers, events of 40 sessions shuffled, a kill in between, everything sent twice."""
    stack = make_stack(consumers=2)
    chance = random.Random(3)
    events = [{"event_type": f"review_{what}", "event_id": f"r{n}-{what}", "session_id": n,
               "user_id": f"user-{n % 5}", "timestamp": f"2026-03-01T{hour}:00:00Z",
               "payload": {"code_language": "python"} if what == "started" else {}}
              for n in range(1, 41) for what, hour in (("started", "09"), ("completed", "11"))]
    chance.shuffle(events)
    for at in range(0, len(events), 10):
        assert stack.post(events[at:at + 10]).status_code == 202
        if at == 30:
            stack.consumers[0].kill9()
            stack.consumers[0].start()
    assert stack.post(events).status_code == 202
    stack.wait_count(len(events))
    stack.wait_drained()
    rows = stack.database.rows(REVIEWS)
    assert len(rows) == 40
    assert {(r["status"], r["code_language"], r["started"], r["ended"]) for r in rows} == \
        {("completed", "python", "09:00", "11:00")}
    assert all(r["username"] == f"user-{r['id'] % 5}" for r in rows)
    assert stack.database.value("SELECT count(*) FROM users") == 5


def test_events_of_no_review_cost_no_statement(make_stack) -> None:
    stack = make_stack(consumer_env={"LOG_LEVEL": "DEBUG"})

    def states() -> int:
        return stack.consumer.log_text().count('"reviews"')
    assert stack.post({"event_type": "user_action", "event_id": "a", "session_id": 1}).is_success
    assert stack.post({"event_type": "reviews_listed", "event_id": "b", "session_id": 1}).is_success
    stack.event("a")
    stack.event("b")
    assert states() == 0
    assert stack.post({"event_type": "review_started", "event_id": "c", "session_id": 1}).is_success
    stack.event("c")
    wait_for("the state in the log", lambda: states() > 0)
