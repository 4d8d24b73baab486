# SPDX-License-Identifier: Apache-2.0
"""Promise 4, never silently gone: what cannot become a row is in quarantine, with the reason and
its bytes, in the same transaction as its neighbours; and nothing else is there."""
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pika
import pytest

from refusal import POISON, SQLSTATE, Refusal
from rig.broker import Vhost
from rig.process import rss_bytes
from rig.stack import Stack
from rig.wait import wait_for

sys.path.append(str(Path(__file__).resolve().parents[1] / "fault"))

# The path above must be there first.
from proxy import AMQP, TO_SERVER, Proxy  # noqa: E402

QUEUE = "log_queue"
LINES = {"content_type": "application/x-ndjson", "type": "holdfast.events"}
OBJECT = {"content_type": "application/json"}
BINARY = bytes(range(256))


def event(number: int, **members: object) -> dict:
    return {"event_type": "quarantine.test", "title": f"good {number}",
            "payload": {"number": number}, **members}


def poison(number: int, **members: object) -> dict:
    return event(number, title="poison", **members)


def accept(stack: Stack, body: object) -> dict:
    answer = stack.post(body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def quarantine(stack: Stack) -> list[dict]:
    """All of it, each row checked for what every row must have."""
    rows = stack.database.rows("SELECT *, xmin::text AS xid FROM quarantine ORDER BY quarantine_id")
    for row in rows:
        row["raw"], row["digest"] = bytes(row["raw"]), bytes(row["digest"])
        assert row["digest"] == hashlib.sha256(row["raw"]).digest()
        assert row["message"] and row["state"] == "new"
    return rows


def wait_quarantined(stack: Stack, expected: int) -> list[dict]:
    """Until so many rows are in quarantine; more, or messages left over, are failures as well."""
    wait_for(f"{expected} in quarantine", lambda: len(quarantine(stack)) >= expected)
    stack.wait_drained()
    rows = quarantine(stack)
    assert len(rows) == expected, [(row["reason"], row["message"]) for row in rows]
    return rows


def put(broker: Vhost, body: bytes, **properties: object) -> None:
    """A message of somebody else's program, on the queue once this returns."""
    connection = broker.connect()
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", QUEUE, body, pika.BasicProperties(delivery_mode=2, **properties),
                              mandatory=True)
    finally:
        connection.close()


def line_of(stack: Stack) -> bytes:
    """A line as the producer puts it on the queue, of an event that was never stored."""
    connection = stack.broker.connect()
    try:
        channel = connection.channel()
        accept(stack, event(1, event_id="taken off"))
        _, _, body = wait_for("the message", lambda: (m := channel.basic_get(QUEUE, True))[0] and m)
        return body
    finally:
        connection.close()


# ---- refused by PostgreSQL ----

def refuse_by_trigger(stack: Stack) -> str:
    Refusal(stack.database).switch(POISON)
    return SQLSTATE


def refuse_by_check(stack: Stack) -> str:
    with stack.database.connect() as session:
        session.execute("SET ROLE holdfast_owner")
        session.execute("ALTER TABLE log_events ADD CONSTRAINT no_poison CHECK (title <> 'poison')")
    return "23514"


def check_refused(stack: Stack, row: dict, sqlstate: str) -> dict:
    """A row of quarantine is what PostgreSQL refused; its event as the line on the queue has it."""
    assert (row["reason"], row["sqlstate"], row["attempts"]) == ("data", sqlstate, 1)
    assert "refused by the test: poison" in row["message"] or "no_poison" in row["message"]
    said = json.loads(row["raw"])
    assert said["title"] == "poison" and row["message_id"]
    return said


@pytest.mark.asan
@pytest.mark.parametrize("refuse", (refuse_by_trigger, refuse_by_check))
def test_a_refused_event_is_quarantined_in_the_transaction_that_stores_its_neighbours(
        stack: Stack, refuse: Callable[[Stack], str]) -> None:
    sqlstate = refuse(stack)
    culprits = {0, 17, 18, 49}
    accept(stack, [(poison if n in culprits else event)(n) for n in range(50)])
    stack.wait_count(50 - len(culprits))
    rows = wait_quarantined(stack, len(culprits))
    assert {check_refused(stack, row, sqlstate)["payload"]["number"] for row in rows} == culprits
    stored = stack.database.rows("SELECT (payload->>'number')::int AS number, b.xid::text, "
                                 "b.events, b.quarantined FROM log_events JOIN batches b USING (batch_id)")
    assert {row["number"] for row in stored} == set(range(50)) - culprits
    assert {(row["events"], row["quarantined"]) for row in stored} == {(46, 4)}
    assert {row["xid"] for row in stored} == {row["xid"] for row in rows}
    assert stack.consumer.metric("holdfast_events_dead_lettered_total") == len(culprits)


def test_a_batch_of_nothing_but_refused_events_is_quarantined(stack: Stack) -> None:
    sqlstate = refuse_by_trigger(stack)
    accept(stack, poison(0))
    check_refused(stack, wait_quarantined(stack, 1)[0], sqlstate)
    accept(stack, [poison(n) for n in range(1, 8)])
    rows = wait_quarantined(stack, 8)
    assert {check_refused(stack, row, sqlstate)["payload"]["number"] for row in rows} == \
        set(range(8))
    assert stack.count() == 0


def test_a_refused_event_does_not_keep_its_event_id(stack: Stack) -> None:
    refuse_by_trigger(stack)
    accept(stack, [poison(1, event_id="mended"), event(2)])
    assert wait_quarantined(stack, 1)[0]["event_id"] == "mended"
    accept(stack, event(1, event_id="mended"))
    assert stack.event("mended")["title"] == "good 1"
    assert stack.count() == 2


# ---- conflicts ----

def check_conflict(row: dict, event_id: str, rival: str) -> None:
    assert (row["reason"], row["event_id"], row["sqlstate"]) == ("conflict", event_id, None)
    assert rival in row["message"]


def test_of_two_bodies_under_one_event_id_in_a_request_the_second_is_a_conflict(
        stack: Stack) -> None:
    first, second = event(1, event_id="a"), event(2, event_id="a")
    accept(stack, [first, event(3, event_id="b"), second, first])
    stack.wait_count(2)
    rows = wait_quarantined(stack, 1)
    kept = stack.event("a")
    assert kept["payload"] == {"number": 1}
    check_conflict(rows[0], "a", str(kept["id"]))
    assert json.loads(rows[0]["raw"])["payload"] == {"number": 2}


def test_of_two_bodies_under_one_event_id_the_first_stays_and_the_second_is_a_conflict(
        stack: Stack) -> None:
    accept(stack, event(1, event_id="a"))
    kept = stack.event("a")
    accept(stack, event(1, event_id="a"))
    accept(stack, event(2, event_id="a"))
    rows = wait_quarantined(stack, 1)
    check_conflict(rows[0], "a", str(kept["id"]))
    assert json.loads(rows[0]["raw"])["payload"] == {"number": 2}
    assert stack.event("a") == kept and stack.count() == 1
    assert stack.consumer.metric("holdfast_events_duplicate_total") == 1


def test_two_consumers_agree_on_which_body_an_event_id_belongs_to(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=2, consumer_env={"CONSUMER_PREFETCH": "1"})
    keys, bodies, repeats = 8, 3, 2
    posts = [event(body, event_id=f"key {key}") for _ in range(repeats) for body in range(bodies)
             for key in range(keys)]
    with ThreadPoolExecutor(12) as clients:
        list(clients.map(lambda body: accept(stack, body), posts))
    stack.wait_count(keys)
    stack.wait_drained()
    kept = {row["event_id"]: row for row in stack.database.rows("SELECT * FROM log_events")}
    assert set(kept) == {f"key {key}" for key in range(keys)} and stack.count() == keys
    refused: Counter = Counter()
    for row in quarantine(stack):
        winner = kept[row["event_id"]]
        check_conflict(row, row["event_id"], str(winner["id"]))
        body = json.loads(row["raw"])["payload"]["number"]
        assert body != winner["payload"]["number"], "the body that is stored is in quarantine too"
        refused[row["event_id"], body] += row["attempts"]
    assert len(refused) == keys * (bodies - 1) and set(refused.values()) == {repeats}
    shares = [consumer.metric("holdfast_events_stored_total") +
              consumer.metric("holdfast_events_dead_lettered_total") for consumer in stack.consumers]
    assert min(shares) > 0, f"one consumer had all the work: {shares}"


# ---- unreadable ----

UNREADABLE = {
    "an object that is not JSON": (b"{'event_type': 'x'}", OBJECT),
    "an object with wrong UTF-8": (b'{"event_type":"\xc0\xaf"}', OBJECT),
    "an object without its type": (b'{"payload":{}}', OBJECT),
    "an array where an object is wanted": (b'[{"event_type":"x"}]', OBJECT),
    "an empty object body": (b"", OBJECT),
    "binary without any property": (BINARY, {}),
    "two mebibytes of garbage": (BINARY * 8192, OBJECT),
    "an empty body of lines": (b"", LINES),
    "lines that are blank": (b" \r\n\n", LINES),
    "binary as lines": (BINARY.replace(b"\n", b""), LINES),
    "a line without its prefix": (b'{"event_type":"x"}', LINES),
    "a cut line": (b'{"id":"0190', LINES),
    "two mebibytes as a line": (b"\xff" * (1 << 21), LINES),
}


@pytest.mark.asan
def test_an_unreadable_message_is_quarantined_with_its_bytes(stack: Stack) -> None:
    for name, (body, properties) in UNREADABLE.items():
        put(stack.broker, body, message_id=name, **properties)
    rows = {row["message_id"]: row for row in wait_quarantined(stack, len(UNREADABLE))}
    for name, (body, _) in UNREADABLE.items():
        row = rows[name]
        assert (row["reason"], row["sqlstate"], row["event_id"]) == ("unreadable", None, None), name
        assert row["raw"] == body.replace(b" \r\n\n", row["raw"]), name
    accept(stack, event(1, event_id="after"))
    assert stack.event("after") and stack.count() == 1


def test_a_message_of_a_newer_version_is_kept_whole(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    line = line_of(stack)
    put(stack.broker, line, headers={"holdfast-version": 2}, message_id="newer", **LINES)
    put(stack.broker, line, headers={"holdfast-version": 1}, message_id="known", **LINES)
    stack.add_consumer()
    stack.start()
    stack.wait_count(1)
    row = wait_quarantined(stack, 1)[0]
    assert (row["reason"], row["message_id"], row["raw"]) == ("unreadable", "newer", line)
    assert "newer version" in row["message"]


def test_an_unreadable_line_does_not_harm_the_lines_beside_it(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    line, bad = line_of(stack).rstrip(b"\n"), b'{"id":"\xff'
    put(stack.broker, b"\n".join((bad, line, b"", b"[]")), message_id="mixed", **LINES)
    stack.add_consumer()
    stack.start()
    assert stack.event("taken off")
    rows = wait_quarantined(stack, 2)
    assert {row["raw"] for row in rows} == {bad, b"[]"}
    assert {row["xid"] for row in rows} == {stack.database.value("SELECT xid::text FROM batches")}


def test_the_memory_a_huge_message_took_is_given_back(stack: Stack) -> None:
    accept(stack, event(1))
    stack.wait_count(1)
    size = 15 << 20  # RabbitMQ 4 takes 16 MiB at most
    for n in range(3):
        put(stack.broker, b"x" * size + b"%d" % n)
    wait_for("quarantined", lambda: stack.database.value(
        "SELECT count(*) FROM quarantine WHERE octet_length(raw) = %s", (size + 1,)) == 3)
    wait_for("memory given back", lambda: rss_bytes(stack.consumer.pid) < 20 << 20)
    accept(stack, event(2))
    stack.wait_count(2)
    assert stack.consumer.metric("holdfast_db_sessions_lost_total") == 0
    assert stack.consumer.health()["status"] == "healthy"


def test_a_line_from_no_month_a_clock_can_say_makes_no_partitions(stack: Stack) -> None:
    """It is kept in quarantine: a stranger wrote it; its neighbours are stored."""
    def partitions() -> int:
        return stack.database.value("SELECT count(*) FROM pg_inherits "
                                    "WHERE inhparent = 'log_events'::regclass")
    before, now = partitions(), datetime.now(timezone.utc)
    stack.consumer.stop()
    line = json.loads(line_of(stack))
    stack.consumer.restart()
    lines = []
    for n, ahead in enumerate((timedelta(hours=23), timedelta(days=365 * 180), timedelta(days=365 * 7000))):
        line["id"] = line["id"][:-1] + str(n)
        line["received_at"] = (now + ahead).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lines.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    put(stack.broker, b"".join(lines), **LINES)
    rows = wait_quarantined(stack, 2)
    assert {row["raw"] for row in rows} == {line.rstrip() for line in lines[1:]}
    assert all(row["reason"] == "unreadable" and "/received_at" in row["message"] for row in rows)
    stack.wait_count(1)
    assert partitions() == before


def test_an_unreadable_message_that_comes_again_is_counted_on_its_row(stack: Stack) -> None:
    for _ in range(3):
        put(stack.broker, b"again", message_id="m", **OBJECT)
    put(stack.broker, b"again", message_id="n", **OBJECT)
    rows = wait_quarantined(stack, 2)
    wait_for("three attempts", lambda: quarantine(stack)[0]["attempts"] == 3)
    assert [(row["message_id"], row["attempts"]) for row in rows] == [("m", 3), ("n", 1)]


# ---- somebody else's events ----

FOREIGN = {"session_id": 123, "event_type": "review_started",
           "payload": {"code_language": "python", "file_count": 3,
                       "user_agent": "VSCode/1.74.0"}}


def check_foreign(stack: Stack, rows: int = 1) -> None:
    stack.wait_count(rows, "event_type = 'review_started'")
    stack.wait_drained()
    stored = stack.database.rows("SELECT * FROM log_events")
    assert len(stored) == rows
    for row in stored:
        assert (row["event_type"], row["session_id"], row["payload"]) == \
            (FOREIGN["event_type"], FOREIGN["session_id"], FOREIGN["payload"])
    assert quarantine(stack) == []


@pytest.mark.parametrize("properties", (OBJECT, {**OBJECT, "message_id": "m"}, {}),
                         ids=("no id", "message_id", "no properties"))
def test_a_foreign_message_that_is_delivered_again_is_stored_once(
        make_stack: Callable[..., Stack], broker: Vhost, properties: dict) -> None:
    with Proxy(broker.port, AMQP) as link:
        stack = make_stack(producers=0, consumer_amqp_port=link.port)
        wait_for("the queue", lambda: stack.consumer.health()["status"] == "healthy")
        link.swallow(TO_SERVER, "basic.ack", 1)
        put(broker, json.dumps(FOREIGN).encode(), **properties)
        link.wait_swallowed(1)
        check_foreign(stack)
        assert stack.consumer.metric("holdfast_messages_delivered_total") > 1
        assert not stack.stop()


def test_equal_foreign_messages_are_one_event_only_when_an_id_says_so(stack: Stack) -> None:
    for _ in range(3):
        put(stack.broker, json.dumps(FOREIGN).encode(), message_id="m", **OBJECT)
    check_foreign(stack)
    for _ in range(2):
        put(stack.broker, json.dumps(FOREIGN).encode(), **OBJECT)
    check_foreign(stack, 3)
    for _ in range(2):
        put(stack.broker, json.dumps({**FOREIGN, "event_id": "e"}).encode(), **OBJECT)
    check_foreign(stack, 4)
    assert stack.event("e")
