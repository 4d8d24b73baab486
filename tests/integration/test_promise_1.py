# SPDX-License-Identifier: Apache-2.0
"""Promise 1, accepted means held: without the broker's confirm there is no 2xx but 503 with
Retry-After; what did get a 2xx is on the queue; and it works again when the cause is gone."""
import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from rig.broker import Vhost
from rig.stack import Stack
from rig.wait import wait_for

QUEUE = "log_queue"
EVENT = {"event_type": "promise.test", "payload": {"a": 1}}
QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 1000000, "x-dead-letter-exchange": "",
          "x-dead-letter-routing-key": f"{QUEUE}.dead", "x-dead-letter-strategy": "at-least-once",
          "x-overflow": "reject-publish"}


def check_unavailable(answer: httpx.Response, slug: str, words: str = "") -> None:
    assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
    assert int(answer.headers["Retry-After"]) >= 1
    problem = answer.json()
    assert problem["type"] == f"/problems/{slug}" and words in problem["detail"], problem


def check_accepted_or_unavailable(answers: list[httpx.Response]) -> int:
    """How many were accepted; the others were told when to come again."""
    for answer in answers:
        assert answer.status_code == 202 or \
            (answer.status_code == 503 and answer.headers.get("Retry-After")), answer.text
    return sum(answer.status_code == 202 for answer in answers)


def wait_accepted(stack: Stack, seconds: float = 30) -> list[httpx.Response]:
    """Posts until it is accepted; all the answers."""
    answers: list[httpx.Response] = []

    def is_accepted() -> bool:
        answers.append(stack.post(EVENT))
        return answers[-1].status_code == 202
    wait_for("an event accepted", is_accepted, seconds, 0.1)
    return answers


def is_stopped(pid: int) -> bool:
    threads = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in threads)


@contextmanager
def frozen(broker: Vhost) -> Iterator[None]:
    """The broker's connections live and nothing is answered on them. On a busy machine a thread of it
    may go on for some milliseconds until another one has seen the signal."""
    broker.server.signal(signal.SIGSTOP)
    try:
        wait_for("the broker standing still", lambda: is_stopped(broker.server.pid))
        yield
    finally:
        broker.server.signal(signal.SIGCONT)


@contextmanager
def out_of_memory(broker: Vhost) -> Iterator[None]:
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    try:
        yield
    finally:
        broker.rabbitmqctl("set_vm_memory_high_watermark", "0.4")


@contextmanager
def posts(stack: Stack, count: int) -> Iterator[list[Future]]:
    """Requests under way."""
    with ThreadPoolExecutor(count) as clients:
        yield [clients.submit(stack.post, EVENT) for _ in range(count)]


# ---- the confirm does not come ----

@pytest.mark.asan
def test_no_confirm_in_time_is_answered_503_and_never_2xx_later(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producer_env={"PUBLISH_CONFIRM_TIMEOUT_MS": "700"})
    body = json.dumps({**EVENT, "event_id": "late"})
    client = http.client.HTTPConnection("127.0.0.1", stack.producer.port, timeout=20)
    with frozen(stack.broker):
        client.request("POST", "/log", body, {"Content-Type": "application/json"})
        answer = client.getresponse()
        assert (answer.status, answer.getheader("Retry-After")) == (503, "1")
        assert json.loads(answer.read())["type"] == "/problems/confirm-timeout"
        for _ in range(3):
            check_unavailable(stack.post(EVENT), "queue-unavailable", "late with its confirms")
        assert client.sock is not None, "the connection was not kept"
    assert check_accepted_or_unavailable(wait_accepted(stack)) == 1
    client.request("GET", "/livez")
    answer = client.getresponse()
    assert answer.status == 200 and b"event_id" not in answer.read()
    client.close()
    assert stack.post(body).status_code == 202
    stack.wait_drained()
    assert stack.count("event_id = 'late'") == 1 and stack.count() == 2


# ---- the broker does not take it ----

def test_an_event_for_a_deleted_queue_is_answered_503_until_the_queue_is_there_again(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    connection = stack.broker.connect()
    connection.channel().queue_delete(QUEUE)
    connection.close()
    check_unavailable(stack.post(EVENT), "queue-unavailable", "did not accept")
    assert stack.producer.metrics()['holdfast_publish_failures_total{reason="returned"}'] == 1
    accepted = check_accepted_or_unavailable(wait_accepted(stack))
    assert stack.broker.ready(QUEUE) == accepted


def test_a_blocked_publisher_answers_503_until_the_alarm_clears(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_env={"PUBLISH_CONFIRM_TIMEOUT_MS": "2000"})
    with out_of_memory(stack.broker):
        # The broker takes the message that makes it say so.
        answers = [stack.post(EVENT)]
        wait_for("blocked", lambda: stack.producer.metric("holdfast_broker_blocked") == 1)
        for _ in range(5):
            check_unavailable(stack.post(EVENT), "queue-unavailable", "accepts no messages for now")
        health = stack.producer.get("/health")
        assert health.status_code == 503 or health.json()["status"] == "degraded", health.text
    answers += wait_accepted(stack)
    accepted = check_accepted_or_unavailable(answers)
    # One that was not confirmed in time may be on the queue too.
    wait_for("what was accepted", lambda: accepted <= stack.broker.ready(QUEUE) <= len(answers))


def test_a_lane_that_is_nacked_gets_503_and_a_new_connection_ever_more_seldom(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    broker, producer = stack.broker, stack.producer
    stack.post(EVENT)
    policy = f"/api/policies/{broker.vhost}/full"
    broker.server.api("PUT", policy, {"pattern": f"^{QUEUE}$", "apply-to": "queues",
                                      "definition": {"max-length": 1}})
    wait_for("a nack", lambda: stack.post(EVENT).status_code == 503)

    def has_reconnected(times: int) -> bool:
        answer = stack.post(EVENT)
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
        return producer.metric("holdfast_amqp_reconnects_total") >= times
    begin = time.monotonic()
    wait_for("two new connections", lambda: has_reconnected(2), 60)
    # A link with a publisher of its own is ready at once; what takes time is the patience.
    assert time.monotonic() - begin > 0.9
    broker.server.api("DELETE", policy)
    wait_accepted(stack)


def test_a_full_outbox_is_answered_503_at_once(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_env={"OUTBOX_EVENTS": "1",
                                                  "PUBLISH_CONFIRM_TIMEOUT_MS": "12000"})
    with frozen(stack.broker), posts(stack, 1) as waiting:
        wait_for("an event in the outbox",
                 lambda: stack.producer.metric("holdfast_outbox_events") == 1)
        check_unavailable(stack.post(EVENT), "queue-unavailable", "too many events wait")
        check_unavailable(stack.post([EVENT] * 3), "queue-unavailable", "too many events wait")
        assert not waiting[0].done(), "they waited as long as the one before them"
        stack.broker.server.signal(signal.SIGCONT)
        assert waiting[0].result().status_code == 202
    assert stack.post([EVENT] * 3).status_code == 202, "more than the outbox holds fits when empty"
    wait_for("both messages", lambda: stack.broker.ready(QUEUE) == 2)


# ---- draining ----

def is_under_way(stack: Stack, count: int) -> bool:
    """So many connections there are, and what was sent on them has been read by a worker; what
    waits to be accepted counts as not read."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    established, listening, port = "01", "0A", f"{stack.producer.port:04X}"
    sides = [(row[3], int(row[4].split(":")[1], 16)) for row in rows if row[1].endswith(":" + port)]
    unread = sum(size for _, size in sides)
    return not unread and [state for state, _ in sides if state != listening] == \
        [established] * count


def end_group(stack: Stack) -> None:
    """SIGTERM as a terminal or a service manager sends it: to parent and workers alike."""
    for pid in stack.producer.family():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


@pytest.mark.parametrize("thaws", (True, False), ids=("confirmed meanwhile", "never confirmed"))
def test_every_request_under_way_is_answered_when_the_producer_drains(
        make_stack: Callable[..., Stack], thaws: bool) -> None:
    stack = make_stack(consumers=0, producers=0)
    stack.add_producer(2, env={"PUBLISH_CONFIRM_TIMEOUT_MS": "12000"})
    stack.start()
    with frozen(stack.broker), posts(stack, 16) as waiting:
        wait_for("all requests read", lambda: is_under_way(stack, 16))
        end_group(stack)
        if thaws:
            stack.broker.server.signal(signal.SIGCONT)
        answers = [post.result() for post in waiting]
        status = stack.producer.wait(20)
    accepted = check_accepted_or_unavailable(answers)
    assert accepted == (16 if thaws else 0)
    assert status == 0, stack.producer.log_tail()
    if thaws:
        assert sum(len(body.splitlines()) for body in stack.broker.queue_bodies(QUEUE)) == 16


# ---- a queue somebody made otherwise ----

SHAPES = {
    "durable": ("classic", {"durable": False, "arguments": {"x-queue-type": "classic"}}),
    "x-max-length": ("quorum", {"durable": True, "arguments": {**QUORUM, "x-max-length": 1}}),
}


@pytest.mark.parametrize("argument", SHAPES)
def test_a_queue_that_may_lose_events_gets_none_and_health_names_the_argument(
        make_stack: Callable[..., Stack], broker: Vhost, argument: str) -> None:
    kind, shape = SHAPES[argument]
    connection = broker.connect()
    connection.channel().queue_declare(QUEUE, **shape)
    connection.close()
    stack = make_stack(consumers=0, start=False, producer_env={"RABBITMQ_QUEUE_TYPE": kind})
    stack.producer.start()
    answers: list[httpx.Response] = []

    def names_it() -> bool:
        answers.append(stack.post(EVENT))
        health = stack.producer.get("/health")
        return health.status_code == 503 and argument in health.text and len(answers) > 10
    wait_for(f"/health naming {argument}", names_it, 20, 0.1)
    assert check_accepted_or_unavailable(answers) == 0
    assert stack.producer.get("/readyz").status_code == 503
    assert broker.ready(QUEUE) == 0
