# SPDX-License-Identifier: Apache-2.0
"""The catalogue on the whole stack: what it decides is stored, strict mode, reload on SIGHUP."""
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.process import run
from rig.stack import SOURCE, Stack, base_env, program
from rig.wait import wait_for

BOM = "550e8400-e29b-41d4-a716-446655440000"
RISK = {"event_type": "risk_alert", "bom_id": BOM, "organization_id": "org-123", "mpn": "X"}


def family(**types: dict) -> str:
    return json.dumps({"family": "own", "types": types}, indent=1)


def types_of(stack: Stack) -> dict[str, dict]:
    answer = stack.producer.get("/v1/event-types")
    assert answer.status_code == 200
    document = answer.json()
    assert document["total_types"] == len(document["event_types"])
    return {row["event_type"]: row for row in document["event_types"]}


@pytest.mark.asan
def test_what_the_catalogue_decides_is_stored(stack: Stack) -> None:
    event = {**RISK, "event_id": "r1", "payload": {"risk_score": 61.50, "user_id": "u"}}
    assert stack.post(event).status_code == 202
    row = stack.event("r1")
    assert row["routing_key"] == "cns.risk.alert.high"
    assert (row["priority"], row["severity"], row["user_id"]) == (7, "error", "u")
    assert row["payload"] == {"mpn": "X", "risk_score": 61.5, "user_id": "u"}
    assert stack.post({"event_type": "nobody_knows", "event_id": "n1"}).status_code == 202
    assert stack.event("n1")["routing_key"] == "events.nobody_knows"


@pytest.mark.asan
def test_a_refusal_names_each_fault_and_what_was_meant(stack: Stack) -> None:
    answer = stack.post({"type": "enrichment_progress", "bom_id": "b", "organization_id": "o",
                         "mpm": "LM358", "status": "matchd"})
    assert answer.status_code == 422
    faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    assert faults == {
        "/bom_id": 'expected a UUID, got "b"',
        "/mpn": "expected a string, got nothing; enrichment_progress needs it",
        "/status": 'expected one of matched, no_match, cached, error, got "matchd"; '
                   'did you mean "matched"?'}


@pytest.mark.asan
def test_event_types_are_listed(stack: Stack) -> None:
    types = types_of(stack)
    assert len(types) >= 60
    risk = types["risk_alert"]
    assert risk["family"] == "cns" and risk["routing_key"] == "cns.risk.alert.{severity}"
    assert risk["priority"] == {"critical": 8, "high": 7, "medium": 6}
    fields = {field["name"]: field for field in risk["fields"]}
    assert fields["bom_id"] == {"name": "bom_id", "kind": "uuid", "required": True, "in": "event"}
    assert fields["risk_score"]["in"] == "payload" and fields["risk_score"]["max"] == 100


@pytest.mark.asan
def test_strict_mode_refuses_unknown_types(make_stack: Callable[..., Stack]) -> None:
    strict = {"CATALOG_MODE": "strict"}
    stack = make_stack(producer_env=strict, consumer_env=strict)
    answer = stack.post({"event_type": "risk_alrt"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/event_type",
         "detail": "expected a type of the catalogue, got an unknown one; did you mean "
                   '"risk_alert"?'}]
    assert stack.post({"event_type": "user_action", "event_id": "u1"}).status_code == 202
    stack.event("u1")


@pytest.mark.asan
@pytest.mark.parametrize("workers", [1, 2])
def test_a_good_catalogue_is_taken_at_sighup_and_a_bad_one_is_not(
        make_stack: Callable[..., Stack], tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    file = folder / "own.json"
    file.write_text(family(first={"routing_key": "own.first", "priority": 8}))
    stack = make_stack(consumers=0, workers=workers, producer_env={"CATALOG_DIR": str(folder)})
    assert set(types_of(stack)) == {"first"}

    file.write_text(family(first={"routing_key": "own.first"}, second={"routing_key": "own.b"}))
    stack.producer.signal(signal.SIGHUP)
    wait_for("the new catalogue in force in every worker",
             lambda: stack.producer.log_tail(10**6).count("catalog_reloaded") >= workers + (
                 workers if workers > 1 else 0), 20)
    assert set(types_of(stack)) == {"first", "second"}

    file.write_text(family(first={"routing_key": "own.first", "priority": 80},
                           second={"routing_key": "own.{b}"}))
    stack.producer.signal(signal.SIGHUP)
    wait_for("the bad one refused by every worker",
             lambda: stack.producer.log_tail(10**6).count("catalog_kept") >= workers, 20)
    assert set(types_of(stack)) == {"first", "second"}
    log = stack.producer.log_tail(10**6)
    assert "own.json:6: first: priority: expected a priority from 0 to 9" in log
    assert "own.json:9: second: routing_key: {b} is not a field of this type" in log


def test_a_bad_catalogue_is_told_by_check_and_keeps_a_daemon_from_starting(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"family": "a",\n "typs": {}}\n')
    (tmp_path / "b.json").write_text("[")
    for arguments in ([], ["--check"]):
        done = run([program("holdfast-producer"), *arguments],
                   base_env(CATALOG_DIR=str(tmp_path), PRODUCER_PORT="0"), 20)
        assert done.returncode == 78
        text = done.stdout + done.stderr
        assert "a.json:2:" in text and "types" in text
        assert "b.json:1:" in text


def test_the_example_of_the_documentation_works(make_stack: Callable[..., Stack],
                                                tmp_path: Path) -> None:
    page = (SOURCE / "docs" / "catalog.md").read_text()
    (tmp_path / "shop.json").write_text(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    stack = make_stack(producer_env={"CATALOG_DIR": str(tmp_path)})
    paid = {"event_type": "order.paid", "order_id": BOM, "user_id": 7, "payment_method": "card"}
    suspected = {"event_type": "fraud_suspected", "data": {"order_id": BOM, "score": 95}}
    assert stack.post([{**paid, "event_id": "paid"}, {**suspected, "event_id": "fraud"}]
                      ).status_code == 202
    row = stack.event("paid")
    assert (row["event_type"], row["routing_key"], row["priority"]) == \
        ("order_paid", "shop.card.paid", 6)
    assert row["payload"] == {"order_id": BOM, "method": "card"}
    row = stack.event("fraud")
    assert (row["routing_key"], row["priority"]) == ("shop.fraud.critical", 9)
