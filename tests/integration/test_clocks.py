# SPDX-License-Identifier: Apache-2.0
"""No clock but PostgreSQL's judges: a consumer whose clock is wrong says by how much and stands back
until it is right, an event is stored whatever its producer's clock said, and a key is as old as
PostgreSQL says."""
import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pika
import pytest

from rig.clock import Clock
from rig.database import Database
from rig.stack import Daemon, Stack
from rig.wait import wait_for

NOW = datetime.now(timezone.utc)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


def line(received_at: datetime, number: int = 0, **members: object) -> bytes:
    """A line as a producer puts it on the queue whose clock says received_at."""
    stamp = max(0, int(received_at.timestamp() * 1000))
    bits = stamp << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    text = f"{bits:032x}"
    event_id = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return json.dumps({"id": event_id,
                       "received_at": received_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27),
                       "event_type": "clock.test", "severity": "info", "routing_key": "x",
                       "priority": 5, "payload": {"number": number}, **members},
                      separators=(",", ":")).encode()


def put(stack: Stack, *lines: bytes) -> None:
    connection = stack.broker.connect()
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "log_queue", b"\n".join(lines) + b"\n", pika.BasicProperties(
            delivery_mode=2, content_type="application/x-ndjson", type="holdfast.events"),
            mandatory=True)
    finally:
        connection.close()


def nothing_quarantined(stack: Stack) -> None:
    assert stack.database.rows("SELECT reason, message FROM quarantine") == []


def wait_standing_back(consumer: Daemon, words: str) -> None:
    def says_so() -> bool:
        answer = consumer.get("/health")
        check = answer.json()["checks"]["clock"]
        return answer.status_code == 503 and check["status"] == "unhealthy" and \
            words in check["detail"] and consumer.get("/readyz").status_code == 503
    wait_for(f"/health saying {words!r}", says_so)


def wait_waiting(stack: Stack, messages: int) -> None:
    """All of them in the queue, none taken: seen twice, a second apart by the consumer's own beat."""
    wait_for("the messages in the queue", lambda: stack.broker.ready("log_queue") == messages)
    assert stack.consumer.metric("holdfast_in_flight_messages") == 0


@pytest.mark.parametrize("offset, words, seconds", [
    ("-2d", "2 days behind the database's", -2 * 86400), ("+2d", "2 days ahead of the database's", 2 * 86400),
    ("-6m", "6 min behind the database's", -360), ("+400d", "400 days ahead of the database's", 400 * 86400)])
def test_a_consumer_whose_clock_is_wrong_takes_nothing_and_says_by_how_much(
        make_stack: Callable[..., Stack], clock: Clock, offset: str, words: str, seconds: int) -> None:
    clock.set(offset)
    stack = make_stack(consumers=0)
    assert stack.post([{"event_type": "clock.test", "payload": {}}] * 20).status_code == 202
    wrong = stack.add_consumer(env=clock.env)
    wrong.start()
    wait_standing_back(wrong, words)
    wait_for("the metric", lambda: abs(wrong.metric("holdfast_clock_skew_seconds") - seconds) <= 2)
    assert words in wrong.log_text() and '"log.level":"error"' in wrong.log_text()
    wait_waiting(stack, 1)
    assert stack.count() == 0
    nothing_quarantined(stack)
    stack.add_consumer().start()
    stack.wait_count(20)
    nothing_quarantined(stack)


@pytest.mark.parametrize("offset", ["-4m", "+4m"])
def test_a_clock_within_five_minutes_stores(make_stack: Callable[..., Stack], clock: Clock,
                                            offset: str) -> None:
    clock.set(offset)
    stack = make_stack(consumer_env=clock.env)
    assert stack.post({"event_type": "clock.test", "payload": {}}).status_code == 202
    stack.wait_count(1)
    assert stack.consumer.health()["checks"]["clock"] == {"status": "healthy"}


def test_a_consumer_stands_back_and_comes_back_as_its_clock_is_set(
        make_stack: Callable[..., Stack], clock: Clock) -> None:
    stack = make_stack(consumer_env=clock.env)
    stored = 0
    for offset, words in (("-2d", "2 days behind"), ("+1h", "1 h ahead"), ("-40d", "40 days behind")):
        assert stack.post({"event_type": "clock.test", "payload": {}}).status_code == 202
        stored += 1
        stack.wait_count(stored)
        clock.set(offset)
        wait_standing_back(stack.consumer, words)
        assert stack.post({"event_type": "clock.test", "payload": {}}).status_code == 202
        wait_waiting(stack, 1)
        clock.set("+0")
        stored += 1
        stack.wait_count(stored)
        stack.consumer.wait_ready()
    assert stack.consumer.log_text().count('"event.action":"clock_right"') == 3
    nothing_quarantined(stack)


def test_a_consumer_that_is_started_wrong_comes_back_when_put_right(
        make_stack: Callable[..., Stack], clock: Clock) -> None:
    clock.set("+3d")
    stack = make_stack(consumers=0)
    stack.add_consumer(env=clock.env).start()
    wait_standing_back(stack.consumer, "3 days ahead")
    assert stack.post({"event_type": "clock.test", "payload": {}}).status_code == 202
    clock.set("+0")
    stack.wait_count(1)
    stack.consumer.wait_ready()


def test_a_plain_message_gets_a_time_of_the_right_clock(make_stack: Callable[..., Stack],
                                                        clock: Clock) -> None:
    stack = make_stack(consumer_env=clock.env)
    clock.set("+2d")
    wait_standing_back(stack.consumer, "2 days ahead")
    connection = stack.broker.connect()
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", "log_queue", b'{"event_type":"clock.test","payload":{}}',
                          pika.BasicProperties(delivery_mode=2, content_type="application/json"))
    connection.close()
    wait_waiting(stack, 1)
    clock.set("+0")
    stack.wait_count(1)
    assert stack.database.value("SELECT abs(extract(epoch FROM stored_at - received_at)) < 60"
                                " FROM log_events") is True


@pytest.mark.parametrize("offset", ["@1971-03-01 00:00:00", "+400d", "-40d", "-2d"])
def test_each_2xx_of_a_producer_whose_clock_is_wrong_has_its_row(
        make_stack: Callable[..., Stack], clock: Clock, offset: str) -> None:
    clock.set(offset)
    stack = make_stack(producer_env=clock.env, start=False)
    for daemon in stack.daemons:
        daemon.start()
    accepted = 0
    deadline = time.monotonic() + 30
    while accepted < 3 and time.monotonic() < deadline:
        try:
            answer = stack.post({"event_type": "clock.test", "payload": {}})
        except OSError:
            continue
        accepted += answer.status_code == 202
        if answer.status_code == 503 and "clock" in answer.text:
            break
    stack.wait_count(accepted)
    nothing_quarantined(stack)


def test_an_event_is_stored_whatever_its_producers_clock_said(stack: Stack) -> None:
    times = [datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(1971, 2, 3, tzinfo=timezone.utc),
             datetime(1999, 12, 31, 23, 59, 59, 999999, timezone.utc), NOW - timedelta(days=40),
             NOW + timedelta(days=400), datetime(2200, 12, 31, 23, 59, 59, tzinfo=timezone.utc)]
    put(stack, *(line(at, n) for n, at in enumerate(times)))
    stack.wait_count(len(times))
    stored = stack.database.rows("SELECT received_at FROM log_events ORDER BY payload->'number'")
    assert [row["received_at"] for row in stored] == times
    nothing_quarantined(stack)


def test_only_years_no_clock_can_be_in_are_quarantined(stack: Stack) -> None:
    put(stack, line(datetime(1969, 12, 31, tzinfo=timezone.utc)), line(NOW, 1),
        line(datetime(2201, 1, 1, tzinfo=timezone.utc)), line(datetime(9999, 1, 1, tzinfo=timezone.utc)))
    stack.wait_count(1)
    rows = wait_for("three in quarantine", lambda: stack.database.rows(
        "SELECT reason, message FROM quarantine OFFSET 2") and stack.database.rows(
            "SELECT reason, message FROM quarantine"))
    assert {(row["reason"], row["message"]) for row in rows} == \
        {("unreadable", "/received_at: not in the years 1970 to 2200")}


def test_a_message_of_two_hundred_months_is_stored_whole(stack: Stack) -> None:
    """More than one transaction makes partitions for, each taking locks."""
    put(stack, *(line(datetime(1980 + n // 12, n % 12 + 1, 15, tzinfo=timezone.utc), n)
                 for n in range(200)))
    stack.wait_count(200, seconds=120)
    assert stack.database.value("SELECT count(*) FROM pg_inherits WHERE inhparent ="
                                " 'log_events'::regclass AND inhrelid::regclass::text ~ '_(19|20[01])'") == 200
    nothing_quarantined(stack)


def test_a_repetition_to_a_producer_forty_days_behind_is_one_row(stack: Stack) -> None:
    """Its key is as young as PostgreSQL says, and outlives the purge."""
    late = NOW - timedelta(days=40)
    put(stack, line(late, event_id="k"))
    stack.wait_count(1)
    assert stack.database.value("SELECT purge_event_keys('30 days')") == 0
    put(stack, line(late + timedelta(seconds=2), event_id="k"))
    put(stack, line(NOW, 1, event_id="other"))
    stack.wait_count(2)
    stack.wait_drained()
    assert stack.count("event_id = 'k'") == 1
    nothing_quarantined(stack)


def test_the_consumers_own_purge_forgets_what_postgresql_saw_long_ago(
        make_stack: Callable[..., Stack], database: Database) -> None:
    database.rows("INSERT INTO event_keys (event_id, id, digest, received_at, claimed_at)"
                  " SELECT v, gen_random_uuid(), '', r, c FROM (VALUES"
                  " ('old', now() + interval '400 days', now() - interval '31 days'),"
                  " ('young', now() - interval '40 years', now() - interval '29 days')) AS k (v, r, c)"
                  " RETURNING event_id")
    make_stack()
    wait_for("the old key forgotten",
             lambda: database.value("SELECT count(*) FROM event_keys WHERE event_id = 'old'") == 0)
    assert database.value("SELECT count(*) FROM event_keys") == 1


def test_keys_of_before_count_from_the_migration(database: Database) -> None:
    """Whatever received_at they have: none is forgotten early."""
    with database.connect() as session, session.transaction(force_rollback=True):
        session.execute("ALTER TABLE event_keys DROP COLUMN claimed_at")
        session.execute("INSERT INTO event_keys VALUES ('k', gen_random_uuid(), '',"
                        " now() - interval '300 days')")
        text = (Path(__file__).parents[2] / "schema/migrations/0009_one_clock.sql").read_text("utf-8")
        session.execute(text[text.index("ALTER TABLE event_keys"):text.index("DROP INDEX")])
        assert session.execute("SELECT purge_event_keys('1 day') AS n").fetchone()["n"] == 0
        assert session.execute("SELECT claimed_at = now() AS now FROM event_keys").fetchone()["now"]


def test_a_standstill_is_said_again_as_long_as_it_lasts(make_stack: Callable[..., Stack],
                                                        clock: Clock) -> None:
    stack = make_stack(consumer_env=clock.env)
    clock.set("-2d")
    wait_standing_back(stack.consumer, "2 days behind")

    def times_said() -> int:
        return sum('"event.action":"standstill"' in entry and "2 days behind" in entry
                   for entry in stack.consumer.log_text().splitlines())
    wait_for("said twice", lambda: times_said() >= 2, 75)
    clock.set("+0")
    stack.consumer.wait_ready()
