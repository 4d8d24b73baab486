# SPDX-License-Identifier: Apache-2.0
"""The lanes: what is urgent is stored at once, whatever waits before it; and what is wrong with one
queue does not hold up the other."""
import json
import statistics
import time
from collections.abc import Callable

import psycopg

from rig.broker import Vhost
from rig.stack import Stack
from rig.wait import wait_for

WAITING, SAMPLES, FEWEST, MEDIAN_MS = 100_000, 20, 5, 250.0
# On a machine that has other things to do as well: of what the same takes there with nothing waiting.
TIMES_ALONE = 5.0
REQUEST = 5000


def low_priority(first: int) -> bytes:
    """A request of events, a line each."""
    line = {"event_type": "matching_progress", "priority": 3, "severity": "info",
            "routing_key": "matching.progress", "service": "matcher",
            "payload": {"mpn": "LM358DR", "status": "matched", "note": "x" * 100}}
    return b"".join(json.dumps({**line, "session_id": n + 1}).encode() + b"\n"
                    for n in range(first, first + REQUEST))


def ms_until_stored(stack: Stack, session: psycopg.Connection, event_id: str) -> float:
    """From the request to the commit of its event, seen by its key."""
    begin = time.monotonic()
    answer = stack.post({"event_type": "matching_paused", "event_id": event_id, "priority": 9})
    assert answer.status_code == 202, answer.text
    wait_for(f"{event_id} stored", lambda: session.execute(
        "SELECT id FROM event_keys WHERE event_id = %s", (event_id,)).fetchone(), 30, 0.002)
    return (time.monotonic() - begin) * 1000


def test_urgent_is_stored_within_250_ms_behind_100000_waiting(stack: Stack) -> None:
    with stack.database.connect() as session:
        alone = [ms_until_stored(stack, session, f"alone-{n}") for n in range(SAMPLES)]
    stack.consumer.stop()
    posted = 0
    while posted < 4 * WAITING:
        answer = stack.post(low_priority(posted),
                            headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 202, answer.text[:1000]
        posted += REQUEST
    stack.consumer.restart()

    def waiting() -> float:
        return posted - stack.consumer.metric("holdfast_events_stored_total")
    wait_for("storing under way", lambda: waiting() < posted - 2000)
    took: list[float] = []
    with stack.database.connect() as session:
        while len(took) < SAMPLES:
            ms = ms_until_stored(stack, session, f"urgent-{len(took)}")
            if waiting() < WAITING:
                break
            took.append(ms)
    print("ms to store an urgent event:", *sorted(round(t) for t in took), "alone:",
          *sorted(round(t) for t in alone))
    assert len(took) >= FEWEST, "the backlog was gone before there was much to measure"
    assert statistics.median(took) < max(MEDIAN_MS, TIMES_ALONE * statistics.median(alone)), took


def publish(broker: Vhost, queue: str, event_id: str) -> None:
    """As somebody else's program would, past the producer."""
    with broker.connect() as connection:
        connection.channel().basic_publish(
            "", queue, json.dumps({"event_type": "x", "event_id": event_id}).encode())


def said(stack: Stack, action: str) -> list[dict]:
    lines = [json.loads(line) for line in stack.consumer.log_text().splitlines()]
    return [line for line in lines if line["event.action"] == action]


def test_a_queue_of_another_shape_stops_its_own_lane_only(make_stack: Callable[..., Stack],
                                                          broker: Vhost) -> None:
    """It is complained of once, not at every try, and used as soon as it is replaced."""
    with broker.connect() as connection:
        connection.channel().queue_declare("log_queue.urgent", durable=True)
    stack = make_stack(producers=0, start=False)
    stack.consumer.start()
    wait_for("the other lane consumed", lambda: said(stack, "consuming"))
    publish(broker, "log_queue", "n-1")
    stack.event("n-1")

    def reconnected() -> bool:
        assert stack.consumer.get("/readyz").status_code == 503
        return stack.consumer.metric("holdfast_amqp_reconnects_total") >= 4
    wait_for("some tries", reconnected)
    assert "log_queue.urgent" in stack.consumer.health()["checks"]["rabbitmq"]["detail"]
    assert len(said(stack, "queue_mismatch")) == 1 and not said(stack, "consume_refused")
    with broker.connect() as connection:
        connection.channel().queue_delete("log_queue.urgent")
    stack.consumer.wait_ready()
    publish(broker, "log_queue.urgent", "u-1")
    stack.event("u-1")


def test_the_consumer_is_not_ready_without_its_queues(make_stack: Callable[..., Stack],
                                                      broker: Vhost) -> None:
    """It may not declare them, and nobody has."""
    may = f"/api/permissions/{broker.vhost}/{broker.user}"
    broker.server.api("PUT", may, {"configure": "^$", "write": ".*", "read": ".*"})
    stack = make_stack(producers=0, start=False)
    stack.consumer.start()

    def tried() -> bool:
        assert stack.consumer.get("/readyz").status_code == 503
        return stack.consumer.metric("holdfast_amqp_reconnects_total") >= 8
    wait_for("tries", tried)
    broker.server.api("PUT", may, {"configure": ".*", "write": ".*", "read": ".*"})
    stack.consumer.wait_ready()


def test_a_first_start_has_nothing_to_complain_of(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producers=0)
    lines = [json.loads(line) for line in stack.consumer.log_text().splitlines()]
    assert {line["log.level"] for line in lines} == {"info"}, lines
