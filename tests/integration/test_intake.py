# SPDX-License-Identifier: Apache-2.0
"""B9: disable and enable the bus. An operator pauses the intake: everything posted is answered 503
with Retry-After and the reason, nothing is dropped, and the change itself is an event."""
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rig.stack import Stack
from rig.wait import free_port, wait_for

PATH = "/v1/admin/intake"
POSTS = [("/log", {"event_type": "x"}), ("/v1/events", {"event_type": "x"}), ("/emit/x", {"a": 1}),
         ("/emit_activity_log", {}), ("/v1/logs", {"resourceLogs": []})]
KEY = "a-key-of-the-operators-own"


def put(stack: Stack, mode: str, reason: str | None = None, **headers: str) -> httpx.Response:
    body = {"mode": mode} if reason is None else {"mode": mode, "reason": reason}
    return stack.producer.request("PUT", PATH, json=body, headers=headers)


def mode(stack: Stack) -> str:
    return stack.producer.get(PATH).json()["mode"]


@pytest.mark.asan
def test_B9_a_paused_intake_says_why_and_drops_nothing(stack: Stack) -> None:
    assert mode(stack) == "accept"
    paused = put(stack, "pause", "the disks are exchanged \u2713")
    assert paused.status_code == 200, paused.text
    assert paused.json()["mode"] == "pause"
    for path, body in POSTS:
        answer = stack.post(body, path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10"), path
        if path != "/v1/logs":  # which has the form of its own standard
            assert answer.json()["type"] == "/problems/paused"
        assert "the disks are exchanged \u2713" in answer.text
    said = stack.producer.get(PATH).json()
    assert (said["mode"], said["reason"]) == ("pause", "the disks are exchanged \u2713")
    ready = stack.producer.get("/readyz?verbose")
    assert (ready.status_code, ready.text) == \
        (503, "[+] rabbitmq healthy\n[-] intake unhealthy: the disks are exchanged \u2713\nnot ready\n")
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
    assert (first["payload"]["before"]["mode"], first["payload"]["by"]) == ("accept", "loopback")
    assert (second["event_type"], second["payload"]["before"]["mode"]) == ("intake_resumed", "pause")
    stack.wait_count(3)


def test_B9_the_pause_holds_for_all_workers(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(workers=3)
    assert put(stack, "pause", "all of you").status_code == 200
    assert {stack.post({"event_type": "x"}).status_code for _ in range(40)} == {503}
    assert {mode(stack) for _ in range(10)} == {"pause"}
    assert put(stack, "accept").status_code == 200
    assert {stack.post({"event_type": "x"}).status_code for _ in range(40)} == {202}


def test_B9_a_catalogue_of_ones_own_does_not_stand_in_the_way(make_stack: Callable[..., Stack],
                                                              tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text('{"family": "own", "types": {"mine": {"routing_key": "m"}}}')
    stack = make_stack(producer_env={"CATALOG_DIR": str(tmp_path), "CATALOG_MODE": "strict"},
                       consumer_env={"CATALOG_DIR": str(tmp_path), "CATALOG_MODE": "strict"})
    answer = put(stack, "pause", "strictly")
    assert answer.status_code == 200, answer.text
    assert stack.event(answer.json()["event_id"])["routing_key"] == "holdfast.intake.paused"


def test_B9_without_the_broker_nothing_is_changed(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_amqp_port=free_port(), start=False)
    stack.producer.start()
    wait_for("listening", lambda: stack.producer.get("/livez").status_code == 200)
    assert put(stack, "pause", "unheard").status_code == 503
    assert mode(stack) == "accept"


@pytest.mark.asan
def test_a_change_is_read_strictly(stack: Stack) -> None:
    def answer(body: str, content_type: str = "application/json") -> tuple[int, str]:
        said = stack.producer.request("PUT", PATH, content=body,
                                      headers={"Content-Type": content_type})
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
    assert stack.producer.request("DELETE", PATH).status_code == 405
    assert mode(stack) == "accept"


def test_with_a_key_whoever_has_it_may(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    stack = make_stack(consumers=0, producer_env={"ADMIN_API_KEY_FILE": str(tmp_path / "key"),
                                                  "ENVIRONMENT": "production"})
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"},
                    {"X-API-Key": KEY[:-1]}):
        answer = put(stack, "pause", "x", **headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert stack.producer.get(PATH, headers=headers).status_code == 401
    assert put(stack, "pause", "x", Authorization=f"Bearer {KEY}").status_code == 200
    assert put(stack, "accept", **{"X-API-Key": KEY, "X-Forwarded-For": "10.0.0.1"}).status_code == 200


def test_without_a_key_this_machine_alone_may(stack: Stack) -> None:
    for headers in ({"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"},
                    {"Via": "1.1 proxy"}, {"Host": "evil.example"},
                    {"Host": "127.0.0.1.evil.example"}):
        assert put(stack, "pause", "x", **headers).status_code == 403, headers
    assert put(stack, "pause", "x", Host="localhost:8001").status_code == 200


def test_without_a_key_nobody_may_in_production(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0, producer_env={"ENVIRONMENT": "production"})
    assert put(stack, "pause", "x").status_code == 403
    assert "ADMIN_API_KEY" in put(stack, "pause", "x").json()["detail"]
