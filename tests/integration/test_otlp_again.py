# SPDX-License-Identifier: Apache-2.0
"""OTLP's records have no ids: what was answered 2xx is never taken for a repetition, what was not
is stored once however it comes again; and what would be stored nowhere is told."""
import json
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rig.broker import Broker
from rig.stack import Stack
from rig.wait import wait_for

sys.path.append(str(Path(__file__).resolve().parents[1] / "fault"))

# The path above must be there first.
from proxy import AMQP, TO_CLIENT, Proxy  # noqa: E402

HELD = "holdfast_otlp_unanswered_records"


def record(n: int) -> dict:
    return {"timeUnixNano": "1767323045678000000", "body": {"stringValue": str(n)},
            "attributes": [{"key": "n", "value": {"intValue": n}}]}


def export(*records: dict) -> dict:
    return {"resourceLogs": [{"resource": {"attributes": []},
                              "scopeLogs": [{"logRecords": list(records)}]}]}


def send(stack: Stack, *records: dict, status: int = 200) -> None:
    answer = stack.post(export(*records), "/v1/logs")
    assert answer.status_code == status, answer.text
    assert status != 200 or answer.json() == {}


def stored(stack: Stack) -> list[int]:
    stack.wait_drained()
    assert stack.database.value("SELECT count(*) FROM quarantine") == 0
    rows = stack.database.rows("SELECT (payload->>'n')::int AS n FROM log_events ORDER BY 1")
    return [row["n"] for row in rows]


@pytest.fixture
def link(broker_server: Broker) -> Iterator[Proxy]:
    with Proxy(broker_server.port, AMQP) as proxy:
        yield proxy


@pytest.fixture
def slow(make_stack: Callable[..., Stack], link: Proxy) -> Stack:
    """A stack whose producer gives the broker half a second to confirm."""
    return make_stack(producer_amqp_port=link.port,
                      producer_env={"PUBLISH_CONFIRM_TIMEOUT_MS": "500"})


def fail(stack: Stack, link: Proxy, *records: dict) -> None:
    """The records are held by the queue, and the sender is told 503: no confirm came."""
    before = link.swallowed
    link.swallow(TO_CLIENT, "basic.ack")
    link.refuse()
    send(stack, *records, status=503)
    assert link.swallowed == before + 1
    link.refuse(False)
    wait_for("the producer takes events again", stack.producer.is_ready)


@pytest.mark.asan
def test_equal_exports_answered_200_are_all_stored(stack: Stack) -> None:
    for _ in range(20):
        send(stack, record(1))
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: send(stack, record(2), record(3)), range(20)))
    send(stack, record(4), record(4), record(4))
    assert stored(stack) == [1] * 20 + [2] * 20 + [3] * 20 + [4] * 3


@pytest.mark.asan
def test_what_was_not_answered_2xx_is_stored_once_merged_with_new_records(slow: Stack,
                                                                          link: Proxy) -> None:
    fail(slow, link, record(1), record(2))
    send(slow, record(9), record(2), record(1), record(8))
    assert stored(slow) == [1, 2, 8, 9]
    assert slow.producer.metric(HELD) == 0
    send(slow, record(1), record(2))  # now it has been answered, and this is another one
    assert stored(slow) == [1, 1, 2, 2, 8, 9]


@pytest.mark.asan
def test_what_was_not_answered_2xx_is_stored_once_sent_in_parts(slow: Stack, link: Proxy) -> None:
    fail(slow, link, record(1), record(2), record(3), record(1))
    assert slow.producer.metric(HELD) == 4
    for part in (record(3), record(1), record(2), record(1)):
        send(slow, part)
    assert stored(slow) == [1, 1, 2, 3]


def test_what_fails_again_and_again_is_stored_once(slow: Stack, link: Proxy) -> None:
    for _ in range(3):
        fail(slow, link, record(1), record(1), record(2))
    send(slow, record(2), record(1), record(1))
    assert stored(slow) == [1, 1, 2]


def test_an_equal_record_answered_before_is_another_one(slow: Stack, link: Proxy) -> None:
    send(slow, record(1))
    fail(slow, link, record(1))
    send(slow, record(1))
    send(slow, record(1))
    assert stored(slow) == [1, 1, 1]


@pytest.mark.asan
def test_a_client_that_goes_before_its_answer_was_not_answered(make_stack: Callable[..., Stack],
                                                               link: Proxy) -> None:
    stack = make_stack(producer_amqp_port=link.port,
                       producer_env={"PUBLISH_CONFIRM_TIMEOUT_MS": "60000"})
    link.blackhole()
    body = json.dumps(export(record(1), record(2))).encode()
    with socket.create_connection(("127.0.0.1", stack.producer.port)) as client:
        client.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_for("the request is waiting",
                 lambda: stack.producer.metric("holdfast_outbox_events") == 2)
    wait_for("the client is seen to have gone", lambda: stack.producer.metric(HELD) == 2)
    link.blackhole(False)
    wait_for("the producer takes events again", stack.producer.is_ready)
    send(stack, record(2), record(1), record(3))
    assert stored(stack) == [1, 2, 3]


@pytest.mark.asan
@pytest.mark.parametrize("body, member, meant", [
    ({"resource_logs": []}, "resource_logs", "resourceLogs"),
    ({"instrumentationLibraryLogs": []}, "instrumentationLibraryLogs", "resourceLogs"),
    ({"resourceSpans": []}, "resourceSpans", "resourceLogs"),
    ({"resourceMetrics": []}, "resourceMetrics", "resourceLogs"),
    ({"a": 1}, "a", "resourceLogs"),
    ({"resourceLogs": [{"scope_logs": []}]}, "scope_logs", "scopeLogs"),
    ({"resourceLogs": [{"scopeLogs": [{"log_records": []}]}]}, "log_records", "logRecords"),
    (export({"time_unix_nano": "1"}), "time_unix_nano", "timeUnixNano"),
    (export({"body": {"string_value": "x"}}), "body", "stringValue"),
])
def test_what_would_be_stored_nowhere_is_told(stack: Stack, body: dict, member: str,
                                              meant: str) -> None:
    answer = stack.post(body, "/v1/logs")
    assert answer.status_code == 400
    document = answer.json()
    assert document["code"] == 3
    assert f"/{member}" in document["message"] and meant in document["message"]


def test_nothing_to_store_is_fine(stack: Stack) -> None:
    for body in ({}, {"resourceLogs": []}, {"resourceLogs": [], "more": 1}):
        assert stack.post(body, "/v1/logs").json() == {}
