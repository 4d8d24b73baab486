# SPDX-License-Identifier: Apache-2.0
"""Bad input gets a clear answer, costs little, and harms nobody beside it."""
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bad_bodies import GOOD, NDJSON, Case, all_cases, event
from bad_heads import HEADS, NORMAL, Head, post
from rig.broker import Broker
from rig.stack import Stack

CASES = all_cases()


@pytest.fixture(scope="module")
def victim(broker_server: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A producer alone: what is taken stays on its queue to be counted."""
    vhost = broker_server.create_vhost()
    stack = Stack(tmp_path_factory.mktemp("victim"), vhost, None)
    stack.add_producer()
    stack.start()
    yield stack
    faults = stack.stop()
    vhost.drop()
    assert not faults, "\n".join(faults) + stack.logs()


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def document(self) -> dict:
        return json.loads(self.body)


def send(stack: Stack, method: str, path: str, body: bytes = b"",
         headers: dict | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", stack.producer.port, timeout=20)
    try:
        try:
            connection.request(method, path, body, headers or {})
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent; the answer is there to read
        return Answer(connection.getresponse())
    finally:
        connection.close()


def post_case(stack: Stack, case: Case, path: str = "/log") -> Answer:
    return send(stack, "POST", path, case.body, {"Content-Type": case.content_type, **case.headers})


def check_problem(answer: Answer, status: int, slug: str | None = None) -> dict:
    assert answer.status == status, f"{answer.status} {answer.body[:500]!r}"
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    document = answer.document
    assert document["status"] == status
    assert isinstance(document["detail"], str) and document["detail"]
    assert isinstance(document["title"], str) and document["title"]
    assert document["type"].startswith("/problems/")
    if slug is not None:
        assert document["type"] == f"/problems/{slug}"
    for entry in document.get("errors", []):
        assert isinstance(entry["pointer"], str)
        assert isinstance(entry["detail"], str) and entry["detail"]
        assert isinstance(entry.get("line", 1), int)
    return document


@pytest.mark.asan
@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_a_bad_body_is_told_what_is_wrong(victim: Stack, case: Case) -> None:
    document = check_problem(post_case(victim, case), case.status, case.slug)
    if case.pointer is not None or case.line is not None:
        first = document["errors"][0]
        if case.pointer is not None:
            assert first["pointer"] == case.pointer, first
        if case.line is not None:
            assert first["line"] == case.line, first


def test_there_are_at_least_300_bad_bodies() -> None:
    assert len(CASES) >= 300
    assert len({c.body + c.content_type.encode() + repr(c.headers).encode() for c in CASES}) \
        >= 300


def raw(stack: Stack, request: bytes) -> tuple[Answer, bytes]:
    """The answer to raw bytes and what came behind it until the server closed."""
    with socket.create_connection(("127.0.0.1", stack.producer.port), timeout=10) as s:
        try:
            s.sendall(request)
        except OSError:
            pass
        response = http.client.HTTPResponse(s)
        response.begin()
        answer = Answer(response)
        try:
            rest = s.recv(4096)
        except ConnectionResetError:
            rest = b""
        return answer, rest


@pytest.mark.asan
@pytest.mark.parametrize("head", HEADS, ids=[h.name for h in HEADS])
def test_a_bad_head_is_refused_and_its_connection_closed(victim: Stack, head: Head) -> None:
    answer, rest = raw(victim, head.request)
    check_problem(answer, head.status)
    assert answer.headers.get("connection", "").lower() == "close"
    assert rest == b"", "a second answer: the body was read as a request"


@pytest.mark.parametrize("method,path,status", [
    ("GET", "/log", 405), ("PUT", "/log", 405), ("DELETE", "/log", 405), ("PATCH", "/log", 405),
    ("POST", "/health", 405), ("POST", "/metrics", 405), ("DELETE", "/queue/status", 405),
    ("BREW", "/log", 405), ("GET", "/nope", 404), ("POST", "/nope", 404), ("GET", "/log/", 404),
    ("GET", "/LOG", 404), ("GET", "/../etc/passwd", 404), ("GET", "/%6cog", 404)])
def test_wrong_methods_and_paths(victim: Stack, method: str, path: str, status: int) -> None:
    body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
    answer = send(victim, method, path, body, {"Content-Type": "application/json"})
    check_problem(answer, status)
    if status == 405:
        assert answer.headers["allow"]


def test_415_says_what_is_accepted(victim: Stack) -> None:
    answer = send(victim, "POST", "/log", event(), {"Content-Type": "text/plain"})
    accepted = json.dumps(answer.headers) + answer.document["detail"]
    assert "application/json" in accepted and "application/x-ndjson" in accepted


def stored_types(stack: Stack) -> list[str]:
    return sorted(json.loads(line)["event_type"]
                  for queue in stack.broker.queues()
                  for body in stack.broker.queue_bodies(queue) for line in body.splitlines())


@pytest.mark.asan
def test_good_events_beside_bad_ones_are_taken_with_partial(victim: Stack) -> None:
    stored_types(victim)  # empties the queue
    bad = [{"event_type": ""}, {"event_type": "x", "priority": 10}, 1]
    body = [{**GOOD, "event_type": "good.0"}, bad[0], {**GOOD, "event_type": "good.2"}, bad[1],
            bad[2], {**GOOD, "event_type": "good.5"}]
    refused = send(victim, "POST", "/log", json.dumps(body).encode(),
                   {"Content-Type": "application/json"})
    document = check_problem(refused, 422, "invalid-event")
    assert [e["pointer"] for e in document["errors"]] == \
        ["/1/event_type", "/3/priority", "/4"]
    assert stored_types(victim) == [], "all or nothing took something"

    for content_type, text in (("application/json", json.dumps(body)),
                               (NDJSON, "\n".join(map(json.dumps, body)))):
        answer = send(victim, "POST", "/log?partial=true", text.encode(),
                      {"Content-Type": content_type})
        assert answer.status == 207, answer.body
        statuses = [item["status"] for item in answer.document["items"]]
        assert statuses == [202, 422, 202, 422, 422, 202]
        assert answer.document["accepted"] == 3 and answer.document["rejected"] == 3
        assert stored_types(victim) == ["good.0", "good.2", "good.5"]


def test_nothing_of_a_refused_body_is_queued(victim: Stack) -> None:
    stored_types(victim)
    for case in CASES[::7]:
        post_case(victim, case)
    assert stored_types(victim) == []


def test_a_body_that_never_ends_its_sending_is_given_up(broker_server: Broker,
                                                        tmp_path: Path) -> None:
    vhost = broker_server.create_vhost()
    stack = Stack(tmp_path, vhost, None)
    stack.add_producer(env={"REQUEST_TIMEOUT_MS": "1000"})
    stack.start()
    answer, _ = raw(stack, post(NORMAL, b'{"event'))
    check_problem(answer, 408)
    assert not stack.stop()
    vhost.drop()


def test_a_client_that_leaves_in_the_middle_harms_nobody(victim: Stack) -> None:
    for size in range(0, 200, 3):
        with socket.create_connection(("127.0.0.1", victim.producer.port), timeout=5) as s:
            s.sendall(post(NORMAL)[:size])
    assert send(victim, "POST", "/log", event(), {"Content-Type": "application/json"}).status == 202


def test_memory_does_not_grow_under_bad_input(victim: Stack) -> None:
    def round_of_all() -> int:
        for case in CASES:
            post_case(victim, case)
        for head in HEADS:
            raw(victim, head.request)
        return sum(victim.producer.rss().values())

    sizes = [round_of_all() for _ in range(8)]
    assert sizes[-1] - sizes[3] < 256 * 1024, f"resident memory round by round: {sizes}"


@pytest.mark.asan
def test_what_the_limits_allow_is_taken(victim: Stack) -> None:
    """The other side of each limit, so that the refusals above are no accident."""
    deep = b"[" * 30 + b"1" + b"]" * 30
    bodies = [event(), event(event_id="x" * 255), event(event_type="y" * 100),
              event(event_type="é" * 100), event(description="x" * 65536),
              event(tags=["t"] * 64), event(tags=["x" * 100]), event(priority=0),
              event(priority=9), event(session_id=9223372036854775807), event(duration_ms=0),
              event(payload={"v": 10 ** 60}), event(occurred_at="2026-02-28T23:59:59.999999Z"),
              event(occurred_at="2024-02-29T00:00:00+14:00"),
              event(occurred_at="2026-01-01T00:00:00"),
              b'{"event_type":"t","payload":{"v":' + deep + b"}}",
              b'{"event_type":"t","payload":{"v":1e131071}}',
              b'{"event_type":"t","title":"\\ud83d\\ude00 \\u00e9"}',
              b' \r\n\t{"type":"t","data":{},"unknown":[1,{"a":null}]} \n',
              event(title=None, tags=None, session_id=None)]
    for body in bodies:
        answer = send(victim, "POST", "/log", body, {"Content-Type": "application/json"})
        assert answer.status == 202, (body[:100], answer.body)
    many = send(victim, "POST", "/log", json.dumps([GOOD] * 10_000).encode(),
                {"Content-Type": "application/json; charset=utf-8"})
    assert many.status == 202 and len(many.document["event_ids"]) == 10_000
    kept = send(victim, "POST", "/log?x=y", event(), {"Content-Type": "application/json",
                                                    "Idempotency-Key": '"k-1"'})
    assert kept.status == 202 and kept.document["event_id"] == "k-1"
