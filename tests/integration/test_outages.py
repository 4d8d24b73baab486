# SPDX-License-Identifier: Apache-2.0
"""An outage is not a fault of the data: whatever is wrong with the database, nothing is
quarantined, the messages wait in the queue, /health says what it is, and all is stored exactly
once when it is mended."""
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest

from refusal import EVERYTHING, NOTHING, POISON, SQLSTATE, Refusal
from rig.database import Database
from rig.stack import Stack
from rig.wait import wait_for

EVENTS = 32


def accept_events(stack: Stack, first: int = 0) -> None:
    """One message, so one batch; every second event with a key of its own."""
    events = [{"event_type": "outage.test", "title": f"good {n}", "payload": {"number": n},
               **({"event_id": f"key {n}"} if n % 2 else {})} for n in range(first, first + EVENTS)]
    answer = stack.post(events)
    assert answer.status_code == 202, answer.text


def wait_unhealthy(stack: Stack, words: str) -> None:
    """Until the consumer says that the database is at fault, and with these words why."""
    def says_so() -> bool:
        answer = stack.consumer.get("/health")
        check = answer.json()["checks"]["postgresql"]
        return answer.status_code == 503 and check["status"] == "unhealthy" and \
            words in check.get("detail", "")
    wait_for(f"/health saying {words!r}", says_so)


def wait_given_back(stack: Stack, messages: int) -> None:
    wait_for("the messages back in the queue",
             lambda: stack.broker.ready("log_queue") == messages)


def check_all_stored(stack: Stack, events: int, seconds: float = 45) -> None:
    """Exactly once each, and nothing in quarantine."""
    def is_settled() -> bool:
        quarantined = stack.database.rows("SELECT reason, sqlstate, message FROM quarantine")
        assert not quarantined, f"{len(quarantined)} quarantined: {quarantined[0]}"
        return stack.count() >= events
    wait_for(f"{events} events stored", is_settled, seconds)
    stack.wait_drained()
    stack.wait_count(events)
    assert stack.database.value("SELECT count(DISTINCT (payload->>'number')::int) FROM log_events") \
        == events
    assert stack.database.value("SELECT sum(events) FROM batches") == events
    assert is_settled()
    wait_for("/health healthy", lambda: stack.consumer.health()["status"] == "healthy")


# ---- servers, rights and logins ----

class Outage:
    """Begins and ends one; `words` are what /health must say meanwhile."""
    words = ""

    def __init__(self, database: Database, login: str):
        self.database, self.login = database, login

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def execute(self, *statements: str) -> None:
        with self.database.connect() as session:
            for statement in statements:
                session.execute(statement)

    def end_sessions(self) -> None:
        self.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                     f"WHERE usename = '{self.login}'")


class RevokedGrant(Outage):
    words = "permission denied for table log_events"

    def begin(self) -> None:
        self.execute("SET ROLE holdfast_owner",
                     "CREATE TABLE kept_grants AS SELECT string_agg(column_name, ', ') AS columns "
                     "FROM information_schema.column_privileges WHERE table_name = 'log_events' "
                     "AND grantee = 'holdfast_writer' AND privilege_type = 'INSERT'",
                     "REVOKE INSERT ON log_events FROM holdfast_writer")

    def end(self) -> None:
        columns = self.database.value("SELECT columns FROM kept_grants")
        self.execute("SET ROLE holdfast_owner",
                     f"GRANT INSERT ({columns}) ON log_events TO holdfast_writer")


class WrongPassword(Outage):
    words = "password authentication failed"

    def begin(self) -> None:
        self.execute(f"ALTER ROLE {self.login} PASSWORD 'another'")
        self.end_sessions()

    def end(self) -> None:
        self.execute(f"ALTER ROLE {self.login} PASSWORD 'right'")


class StoppedServer(Outage):
    def begin(self) -> None:
        self.database.stop()

    def end(self) -> None:
        self.database.start()


@pytest.fixture
def login(database: Database) -> Iterator[str]:
    """A login of the test's own, to be locked out."""
    name = f"login_{secrets.token_hex(4)}"
    with database.connect() as session:
        session.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right' IN ROLE holdfast_writer")
    yield name
    # A session that has ended is gone, with its temporary table, a moment later.
    wait_for("its sessions gone", lambda: database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (name,)) == 0)
    with database.connect() as session:
        session.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("kind", (RevokedGrant, WrongPassword, StoppedServer))
def test_nothing_is_quarantined_while_the_database_is_out(
        make_stack: Callable[..., Stack], login: str, kind: type[Outage]) -> None:
    stack = make_stack(consumer_env={"DATABASE_USER": login, "DATABASE_PASSWORD": "right"})
    accept_events(stack)
    stack.wait_count(EVENTS)
    outage = kind(stack.database, login)
    outage.begin()
    accept_events(stack, EVENTS)
    wait_unhealthy(stack, outage.words)
    wait_for("the message in the queue or held", lambda: stack.broker.backlog() == 1)
    outage.end()
    check_all_stored(stack, 2 * EVENTS)
    assert not stack.stop()


# ---- a database that takes no row at all ----

def test_a_database_that_refuses_every_row_is_not_the_fault_of_the_events(stack: Stack) -> None:
    refusal = Refusal(stack.database)
    refusal.switch(EVERYTHING)
    accept_events(stack)
    wait_unhealthy(stack, "refused by the test")
    wait_given_back(stack, 1)
    assert stack.database.rows("SELECT reason, message FROM quarantine") == []
    assert stack.count() == 0
    refusal.switch(NOTHING)
    check_all_stored(stack, EVENTS)


@dataclass(frozen=True)
class Cut:
    """A search for culprits cut short by the end of its session."""
    stack: Stack
    refusal: Refusal

    @classmethod
    def prepare(cls, stack: Stack) -> "Cut":
        return cls(stack, Refusal(stack.database))

    def cut_and_switch(self, what: str) -> None:
        """When a good part of the events has been refused one by one, but not all of them."""
        self.refusal.switch(EVERYTHING, held_after=25)
        with self.refusal.hold():
            accept_events(self.stack)
            self.refusal.wait_held()
            assert self.refusal.end_sessions_and_switch(what) == 1
        assert "search_begun" in self.stack.consumer.log_text()
        assert "search_ended" not in self.stack.consumer.log_text()


@pytest.mark.asan
def test_a_search_for_culprits_that_is_cut_short_blames_nobody(stack: Stack) -> None:
    Cut.prepare(stack).cut_and_switch(NOTHING)
    check_all_stored(stack, EVENTS)


def test_a_search_that_is_cut_short_is_made_again(stack: Stack) -> None:
    cut = Cut.prepare(stack)
    answer = stack.post({"event_type": "outage.test", "title": "poison"})
    assert answer.status_code == 202
    stack.wait_count(1)
    cut.cut_and_switch(POISON)
    stack.post([{"event_type": "outage.test", "title": title, "payload": {"number": EVENTS}}
                for title in ("poison", "good")])
    stack.wait_count(1 + EVENTS + 1, seconds=45)
    stack.wait_drained()
    rows = stack.database.rows("SELECT reason, sqlstate FROM quarantine")
    assert rows == [{"reason": "data", "sqlstate": SQLSTATE}]


# ---- partitions and hosts ----

def test_a_missing_partition_is_made_and_the_event_stored(stack: Stack) -> None:
    partition = f"log_events_{datetime.now(timezone.utc):%Y_%m}"
    with stack.database.connect() as session:
        session.execute("SET ROLE holdfast_owner")
        session.execute(f"DROP TABLE {partition}")
    accept_events(stack)
    check_all_stored(stack, EVENTS)
    assert stack.database.value(f"SELECT count(*) FROM {partition}") == EVENTS


def test_a_silent_first_host_does_not_hide_the_second(make_stack: Callable[..., Stack],
                                                      database: Database) -> None:
    with closing(socket.socket()) as hole:
        hole.bind(("127.0.0.2", database.port))
        hole.listen()
        stack = make_stack(start=False, consumer_env={"DATABASE_HOST": f"127.0.0.2,{database.host}"})
        for daemon in stack.daemons:
            daemon.start()
        stack.producer.wait_ready()
        accept_events(stack)
        check_all_stored(stack, EVENTS, seconds=30)
        assert not stack.stop()
