# SPDX-License-Identifier: Apache-2.0
"""B9: disable and enable the bus. An operator pauses the intake: everything posted is answered 503
with Retry-After and the reason, nothing is dropped, and the change itself is an event: both are or
neither is."""
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rig.broker import Vhost
from rig.stack import Stack
from rig.wait import free_port, wait_for

sys.path.append(str(Path(__file__).resolve().parents[1] / "fault"))

# The path above must be there first.
from proxy import AMQP, TO_CLIENT, Proxy  # noqa: E402

PATH = "/v1/admin/intake"
POSTS = [("/log", {"event_type": "x"}), ("/v1/events", {"event_type": "x"}), ("/emit/x", {"a": 1}),
         ("/emit_activity_log", {}), ("/v1/logs", {"resourceLogs": []})]
KEY = "a-key-of-the-operators-own"
ENV = {"ADMIN_API_KEY": KEY}
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    return make_stack(producer_env=ENV)


def put(stack: Stack, mode: str, reason: str | None = None,
        headers: dict[str, str] = BEARER) -> httpx.Response:
    body = {"mode": mode} if reason is None else {"mode": mode, "reason": reason}
    return stack.producer.request("PUT", PATH, json=body, headers=headers)


def state(stack: Stack) -> dict:
    return stack.producer.get(PATH, headers=BEARER).json()


def mode(stack: Stack) -> str:
    return state(stack)["mode"]


def check_nothing_is_said_of_events(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert "event_id" not in answer.text and "takes effect only once" in answer.json()["detail"]


@pytest.mark.asan
def test_B9_a_paused_intake_says_why_and_drops_nothing(stack: Stack) -> None:
    assert mode(stack) == "accept"
    paused = put(stack, "pause", "the disks are exchanged \u2713")
    assert paused.status_code == 200, paused.text
    assert paused.json()["mode"] == "pause"
    for path, body in POSTS:
        answer = stack.post(body, path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3"), path  # below 5: exporters that would wait longer give up
        if path != "/v1/logs":  # which has the form of its own standard
            assert answer.json()["type"] == "/problems/paused"
        assert "the disks are exchanged \u2713" in answer.text
    said = state(stack)
    assert (said["mode"], said["reason"]) == ("pause", "the disks are exchanged \u2713")
    ready = stack.producer.get("/readyz?verbose")
    assert (ready.status_code, ready.text) == \
        (503, "[+] rabbitmq healthy\n[+] storing healthy\n[+] clock healthy\n"
              "[-] intake unhealthy: the disks are exchanged \u2713\nnot ready\n")
    assert stack.producer.get("/livez").status_code == 200
    health = stack.producer.get("/health")
    assert health.status_code == 503
    assert health.json()["checks"]["intake"]["detail"] == "the disks are exchanged \u2713"

    resumed = put(stack, "accept")
    assert resumed.status_code == 200
    assert stack.post({"event_type": "x", "event_id": "after"}).status_code == 202
    stack.event("after")
    assert stack.producer.get("/readyz").status_code == 200

    first, second = stack.event(paused.json()["event_id"]), stack.event(resumed.json()["event_id"])
    assert (first["event_type"], first["routing_key"], first["severity"], first["priority"]) == \
        ("intake_paused", "holdfast.intake.paused", "warning", 8)
    assert first["payload"]["reason"] == "the disks are exchanged \u2713"
    assert (first["payload"]["before"]["mode"], first["payload"]["address"]) == ("accept", "127.0.0.1")
    assert first["payload"]["turn"] == said["turn"] < second["payload"]["turn"]
    assert (second["event_type"], second["payload"]["before"]["mode"]) == ("intake_resumed", "pause")
    stack.wait_count(3)


def test_B9_the_pause_holds_for_all_workers(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(workers=3, producer_env=ENV)
    assert put(stack, "pause", "all of you").status_code == 200
    assert {stack.post({"event_type": "x"}).status_code for _ in range(40)} == {503}
    assert {mode(stack) for _ in range(10)} == {"pause"}
    assert put(stack, "accept").status_code == 200
    assert {stack.post({"event_type": "x"}).status_code for _ in range(40)} == {202}


def test_B9_a_catalogue_of_ones_own_does_not_stand_in_the_way(make_stack: Callable[..., Stack],
                                                              tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"family": "own", "types": {"mine": {"routing_key": "m"}}}')
    settings = {"CATALOG_DIR": str(tmp_path), "CATALOG_MODE": "strict"}
    stack = make_stack(producer_env={**settings, **ENV}, consumer_env=settings)
    answer = put(stack, "pause", "strictly")
    assert answer.status_code == 200, answer.text
    assert stack.event(answer.json()["event_id"])["routing_key"] == "holdfast.intake.paused"


def test_B9_without_the_broker_nothing_is_changed(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_amqp_port=free_port(), producer_env=ENV, start=False)
    stack.producer.start()
    wait_for("listening", lambda: stack.producer.get("/livez").status_code == 200)
    assert put(stack, "pause", "unheard").status_code == 503
    assert mode(stack) == "accept"


def lose_a_confirm(stack: Stack, link: Proxy) -> None:
    """Of a pause, whose event the broker has. The worker that asked for it has no link then."""
    link.swallow(TO_CLIENT, "basic.ack")
    link.refuse()
    check_nothing_is_said_of_events(put(stack, "pause", "unconfirmed"))
    link.wait_swallowed(1)
    assert {mode(stack) for _ in range(10)} == {"accept"}


def changes(stack: Stack) -> int:
    return stack.producer.log_text().count("intake_changed")


@pytest.mark.asan
@pytest.mark.parametrize("workers", (1, 2))
def test_B9_a_change_whose_confirm_is_lost_comes_with_it(
        workers: int, make_stack: Callable[..., Stack], broker: Vhost) -> None:
    with Proxy(broker.port, AMQP) as link:
        stack = make_stack(workers=workers, producer_amqp_port=link.port,
                           producer_env={**ENV, "PUBLISH_CONFIRM_TIMEOUT_MS": "500"})
        lose_a_confirm(stack, link)
        link.refuse(False)
        wait_for("the pause", lambda: {mode(stack) for _ in range(10)} == {"pause"})
        stack.wait_count(1, "event_type = 'intake_paused'")
        assert {stack.post({"event_type": "x"}).status_code for _ in range(10)} == {503}
        stack.wait_drained()
        assert (stack.count(), changes(stack)) == (1, 1)
        assert not stack.stop()


def test_B9_of_two_changes_the_one_asked_for_last_stays(make_stack: Callable[..., Stack],
                                                        broker: Vhost) -> None:
    with Proxy(broker.port, AMQP) as link:
        stack = make_stack(workers=2, producer_amqp_port=link.port,
                           producer_env={**ENV, "PUBLISH_CONFIRM_TIMEOUT_MS": "500"})
        lose_a_confirm(stack, link)
        wait_for("the other worker's answer", lambda: put(stack, "accept").status_code == 200)
        assert changes(stack) == 1
        link.refuse(False)
        wait_for("the pause's turn", lambda: changes(stack) == 2)
        assert {mode(stack) for _ in range(10)} == {"accept"}
        stack.wait_count(2)
        rows = stack.database.rows("SELECT event_type FROM log_events ORDER BY payload->'turn'")
        assert [row["event_type"] for row in rows] == ["intake_paused", "intake_resumed"]
        assert not stack.stop()


@pytest.mark.asan
def test_a_change_is_read_strictly(stack: Stack) -> None:
    def answer(body: str, content_type: str = "application/json", **more: str) -> tuple[int, str]:
        said = stack.producer.request("PUT", PATH, content=body,
                                      headers={"Content-Type": content_type, **BEARER, **more})
        return said.status_code, said.json().get("errors", [{}])[0].get("pointer", "-")
    assert answer('{"mode":"pause"}') == (422, "/reason")
    assert answer('{"mode":"pause","reason":""}') == (422, "/reason")
    assert answer('{"mode":"pause","reason":7}') == (422, "/reason")
    assert answer('{"mode":"pause","reason":"%s"}' % ("x" * 256)) == (422, "/reason")
    assert answer('{"mode":"stop","reason":"x"}') == (422, "/mode")
    assert answer('{"mode":"accept","until":"noon"}') == (422, "")
    assert answer('["pause"]') == (422, "")
    assert answer('{"mode":"pause"') == (400, "-")
    assert answer("") == (400, "-")
    assert answer('{"mode":"accept"}', "text/plain") == (415, "-")
    assert answer('{"mode":"accept"}' + " " * 5000) == (413, "-")
    assert answer("x" * 5000, "text/plain", **{"Content-Encoding": "gzip"}) == (413, "-")
    for coding, status in (("gzip", 415), ("br", 415), ("identity", 200)):
        assert answer('{"mode":"accept"}', **{"Content-Encoding": coding})[0] == status
    assert stack.producer.request("DELETE", PATH).status_code == 405
    assert mode(stack) == "accept"


def test_whoever_has_the_key_may(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    stack = make_stack(consumers=0, producer_env={"ADMIN_API_KEY_FILE": str(tmp_path / "key")})
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"},
                    {"Authorization": "Bearer"}, {"X-API-Key": KEY[:-1]}):
        answer = put(stack, "pause", "x", headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert stack.producer.get(PATH, headers=headers).status_code == 401
    log = [line for line in stack.producer.log_text().splitlines() if "admin_refused" in line]
    assert len(log) == 1 and "127.0.0.1" in log[0], "the others are held back"
    assert put(stack, "pause", "x").status_code == 200
    assert put(stack, "accept", headers={"X-API-Key": KEY}).status_code == 200


@pytest.mark.parametrize("environment", ("development", "production"))
def test_without_a_key_nobody_may(environment: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_env={"ENVIRONMENT": environment})
    for headers in ({}, BEARER, {"Authorization": "Bearer"}, {"X-API-Key": ""}):
        answer = put(stack, "pause", "x", headers)
        assert answer.status_code == stack.producer.get(PATH, headers=headers).status_code == 403
        assert "until ADMIN_API_KEY is set" in answer.json()["detail"]
    assert "admin_refused" in stack.producer.log_text()
