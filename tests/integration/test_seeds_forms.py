# SPDX-License-Identifier: Apache-2.0
"""What the older systems required of the forms events come in. A test a line, named after it."""
from rig.stack import Stack
from seeds import faults, stored

AUDIT = {"user_id": 1, "incident_type": "UNAUTHORIZED_ACCESS", "severity": "HIGH",
         "description": "User attempted to access restricted resource", "ip_address": "192.168.1.1"}


def test_B1_emit(stack: Stack) -> None:
    row = stored(stack, {"order_id": 5, "user_id": 7, "total": 9.50}, "/emit/order_created")
    assert (row["event_type"], row["routing_key"], row["user_id"]) == \
        ("order_created", "events.order_created", "7")
    assert (row["payload"]["order_id"], row["payload"]["total"]) == (5, 9.5)


def test_B5_activity_log_emitted(stack: Stack) -> None:
    refused = faults(stack.post({"user_id": 1}, "/emit/activity_log"))
    assert set(refused) == {"/incident_type", "/severity", "/description"}
    assert stored(stack, AUDIT, "/emit/activity_log")["severity"] == "error"
    row = stack.database.rows("SELECT * FROM activity_log")[0]
    expected = {**AUDIT, "user_id": "1", "severity": "error"}
    assert {k: row[k] for k in expected} == expected


def test_B11_emit_activity_log_is_deprecated(stack: Stack) -> None:
    answer = stack.post(AUDIT, "/emit_activity_log")
    assert answer.status_code == 202 and answer.headers["Deprecation"]
    assert "/emit/activity_log" in answer.headers["Link"]
    assert stack.event(answer.json()["event_id"])["event_type"] == "activity_log"
    assert "Deprecation" not in stack.post(AUDIT, "/emit/activity_log").headers


def test_N3_a_bare_string(stack: Stack) -> None:
    row = stored(stack, "\"worker 7 took the job\"")
    assert (row["event_type"], row["routing_key"], row["description"]) == \
        ("log", "events.log", "worker 7 took the job")
    assert row["occurred_at"] == row["received_at"]
    many = stack.post(["one", "two"])
    assert many.status_code == 202 and many.json()["accepted"] == 2
    stack.wait_count(3)
