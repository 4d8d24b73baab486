# SPDX-License-Identifier: Apache-2.0
"""What is accepted and not stored is seen, in events, whoever holds it and however it is packed."""
import signal
from collections.abc import Callable

import pytest

from rig.broker import Vhost
from rig.stack import Daemon, Stack
from rig.wait import wait_for

NDJSON = {"Content-Type": "application/x-ndjson"}


def waiting(producer: Daemon) -> dict[str, int]:
    answer = producer.get("/queue/status")
    assert answer.status_code == 200, answer.text
    return answer.json()["waiting"]


def wait_waiting(producer: Daemon, events: int, seconds: float = 30.0) -> None:
    wait_for(f"{events} events waiting", lambda: waiting(producer)["events"] == events, seconds)


def test_what_a_stopped_consumer_holds_is_seen_to_wait(stack: Stack, broker: Vhost) -> None:
    """The queue looks empty: all of it is with the consumer. Then it is late, and said so."""
    stack.consumer.signal(signal.SIGSTOP)
    try:
        for n in range(6):
            assert stack.post({"event_type": "x", "event_id": f"w-{n}"}).status_code == 202
        wait_for("the queue empty", lambda: broker.ready("log_queue") == 0)
        wait_waiting(stack.producer, 6)
        health = stack.producer.health()
        assert health["waiting"]["events"] == 6 and health["queue_info"]["message_count"] == 0
        assert health["checks"]["storing"] == {"status": "healthy"}
        wait_for("it growing older", lambda: waiting(stack.producer)["oldest_seconds"] >= 2)
        metrics = stack.producer.metrics()
        assert metrics["holdfast_events_waiting"] == 6
        assert metrics["holdfast_oldest_waiting_seconds"] >= 1

        def late() -> dict | None:
            health = stack.producer.health()
            return health if health["status"] == "degraded" else None
        health = wait_for("the producer saying that it is late", late, 80, 0.5)
        assert "6 events" in health["checks"]["storing"]["detail"]
        assert stack.producer.get("/readyz").status_code == 200
    finally:
        stack.consumer.signal(signal.SIGCONT)
    stack.wait_count(6)
    wait_waiting(stack.producer, 0)
    wait_for("all well", lambda: stack.producer.health()["status"] == "healthy")


def test_200000_events_are_200000_and_not_their_messages(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    body = b'{"event_type":"x"}\n' * 5000
    for _ in range(40):
        assert stack.post(body, headers=NDJSON).status_code == 202
    assert waiting(stack.producer)["events"] == 200_000
    assert stack.producer.get("/queue/status").json()["queue_info"]["message_count"] < 2000
    stack.add_consumer().start()
    wait_waiting(stack.producer, 0, 60)
    stack.wait_count(200_000)


@pytest.mark.parametrize("event", [{"event_type": "x", "priority": 9}, {"event_type": "x"}])
def test_each_lane_is_followed_and_workers_are_summed(make_stack: Callable[..., Stack],
                                                      event: dict) -> None:
    stack = make_stack(consumers=0, workers=2)
    for _ in range(20):
        assert stack.post(event).status_code == 202
    wait_waiting(stack.producer, 20)
    stack.add_consumer().start()
    wait_waiting(stack.producer, 0)


def test_what_waited_before_the_producer_started_is_counted_by_its_messages(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    for _ in range(5):
        assert stack.post({"event_type": "x"}).status_code == 202
    assert stack.producer.stop() == 0
    stack.producer.restart()
    wait_waiting(stack.producer, 5)
    stack.add_consumer().start()
    wait_waiting(stack.producer, 0)


def test_what_comes_again_after_a_lost_link_is_counted_once(make_stack: Callable[..., Stack],
                                                            broker: Vhost) -> None:
    stack = make_stack(consumers=0)
    assert stack.post([{"event_type": "x"}] * 100).status_code == 202
    assert broker.close_connections() > 0
    wait_for("the producer taking events again",
             lambda: stack.post([{"event_type": "x"}] * 50).status_code == 202)
    wait_waiting(stack.producer, 150)


def test_a_producer_that_may_only_publish_is_told_what_is_stored(make_stack: Callable[..., Stack],
                                                                 broker: Vhost) -> None:
    """Direct reply-to needs no right to configure or read anything."""
    stack = make_stack(producers=0)
    user, password = f"p-{broker.vhost}", "p"
    for path, body in ((f"/api/users/{user}", {"password": password, "tags": ""}),
                       (f"/api/permissions/{broker.vhost}/{user}",
                        {"configure": "^$", "write": r"^amq\.default$", "read": "^$"})):
        assert broker.server.api("PUT", path, body)[0] in (201, 204)
    producer = stack.add_producer(env={"RABBITMQ_USER": user, "RABBITMQ_PASSWORD": password})
    producer.start()
    producer.wait_ready()
    stack.consumer.signal(signal.SIGSTOP)
    try:
        for _ in range(4):
            assert stack.post({"event_type": "x"}).status_code == 202
        wait_for("4 events waiting", lambda: producer.metric("holdfast_events_waiting") == 4)
    finally:
        stack.consumer.signal(signal.SIGCONT)
    wait_for("none waiting", lambda: producer.metric("holdfast_events_waiting") == 0)
    broker.server.api("DELETE", f"/api/users/{user}")
