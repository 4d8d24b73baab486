# SPDX-License-Identifier: Apache-2.0
"""One slow or rude client cannot stop the others. tests/abuse/run measures by how much it can slow
them down."""
import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from abuse.abuses import ABUSES, nested
from abuse.good import EVENT, HEADERS, abuse, post
from rig.process import descendants
from rig.stack import Stack
from rig.wait import wait_for

MIB = 2 ** 20
MEASURED_ONLY = ("pipeline bodies", "gzip bodies", "one large record")  # by tests/abuse/run
TURN_MAX = 0.25  # of the producer's loop, on a machine that is busy with other tests


def connect(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    return connection


def send(connection: http.client.HTTPConnection, body: bytes = EVENT, **headers: str) -> int:
    connection.request("POST", "/log", body, {**HEADERS, **headers})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("name", [name for name in ABUSES if name not in MEASURED_ONLY])
def test_good_clients_are_served_beside(name: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    with abuse(name, stack.producer.port):
        served = post(stack.producer.port, 2.0)
    assert not served.faults and len(served.milliseconds) > 10, served


def test_one_event_of_megabytes_does_not_stop_the_loop(make_stack: Callable[..., Stack]) -> None:
    producer = make_stack(consumers=0).producer
    event = b'{"event_type":"log","payload":[' + b"{}," * 6_000_000 + b"0]}"
    for body in (event, b"[" + event + b"]"):
        assert send(connect(producer.port), body) == 413
    answer = producer.request("POST", "/v1/logs", content=nested(), headers=HEADERS)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert producer.metric("holdfast_loop_longest_turn_seconds") < TURN_MAX


def test_a_thousand_idle_clients_and_two_hundred_new_ones(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    idle = [connect(stack.producer.port) for _ in range(1000)]
    for connection in idle:
        connection.request("GET", "/livez")
        connection.getresponse().read()
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: send(connect(stack.producer.port)), range(200)))
    assert statuses == [202] * 200
    assert send(idle[-1]) == 202  # the last of the old ones was not idle longest
    for connection in idle:
        connection.close()


def test_the_consumers_port_does_not_slow_its_storing(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    with abuse("pipeline, one", stack.consumer.port, "40"):
        for _ in range(20):
            assert send(connect(stack.producer.port)) == 202
        stack.wait_count(20, seconds=20)
    assert stack.consumer.metric("holdfast_loop_longest_turn_seconds") < 1


def test_large_bodies_before_a_frozen_broker_are_all_answered_503(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_env={"REQUEST_TIMEOUT_MS": "60000"})
    body = b"\n".join(b'{"event_type":"log","message":"%s"}' % (b"m" * 20_000) for _ in range(750))
    before = sum(stack.producer.rss().values())
    stack.broker.server.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(60) as pool:
            statuses = list(pool.map(
                lambda _: send(connect(stack.producer.port), body,
                               **{"Content-Type": "application/x-ndjson"}), range(60)))
    finally:
        stack.broker.server.signal(signal.SIGCONT)
    assert statuses == [503] * 60
    stack.producer.wait_ready()
    wait_for("its memory is given back",
             lambda: sum(stack.producer.rss().values()) < before + 32 * MIB, 30)


def test_a_worker_that_stands_still_is_replaced(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(workers=2)
    stopped = descendants(stack.producer.pid)[0]
    answered: list[int] = []
    os.kill(stopped, signal.SIGSTOP)
    # Half of them knock at the one that stands still, and wait there.
    waiting = [socket.create_connection(("127.0.0.1", stack.producer.port)) for _ in range(20)]
    wait_for("another worker in its place",
             lambda: stopped not in descendants(stack.producer.pid)
             and len(descendants(stack.producer.pid)) == 2, 30)
    for connection in waiting:
        connection.close()
    stack.producer.wait_ready()
    for _ in range(20):
        answered.append(send(connect(stack.producer.port)))
    assert answered == [202] * 20
    stack.wait_count(20)
    assert stack.producer.metric("holdfast_workers_replaced_total") == 1
    assert "worker_stuck" in stack.producer.log_text()


@pytest.mark.parametrize("headers", [
    {"Content-Type": ""},
    {"Content-Type": "text/plain;charset=UTF-8"},
    {"Content-Type": "application/x-www-form-urlencoded"}])
def test_a_body_that_does_not_say_it_is_json_is_refused(stack: Stack, headers: dict) -> None:
    for path in ("/log", "/v1/events", "/emit/log"):
        assert stack.post(EVENT, path, headers=headers).status_code == 415, path
    assert stack.post(EVENT, headers={"Content-Type": "application/json"}).status_code == 202


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example:8001", "Host": "evil.example:8001"}])
def test_a_web_page_cannot_write_events(stack: Stack, headers: dict) -> None:
    answer = stack.post({"event_type": "x"}, headers=headers)
    assert answer.status_code == 403 and answer.json()["type"] == "/problems/origin-not-allowed"


def test_a_page_of_an_origin_that_is_named_can(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producer_env={"HTTP_ORIGINS": "https://app.example.com"})
    page = {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
    assert stack.post({"event_type": "x"}, headers=page).status_code == 202
    page["Origin"] = "https://app.example.org"
    assert stack.post({"event_type": "x"}, headers=page).status_code == 403


def test_a_small_body_does_not_wait_for_a_large_one(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    body = b"\n".join(b'{"event_type":"log","message":"%s"}' % (b"m" * 1900) for _ in range(10_000))
    large = threading.Thread(target=lambda: send(connect(stack.producer.port), body,
                                                 **{"Content-Type": "application/x-ndjson"}))
    large.start()
    served = post(stack.producer.port, 1.0)
    large.join()
    assert not served.faults and len(served.milliseconds) > 10
