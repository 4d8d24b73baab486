# SPDX-License-Identifier: Apache-2.0
"""What the older systems required of their types of events: fields, routing key, priority, lane,
severity. A test a line, named after it."""
import json
from collections.abc import Callable

import pytest

from rig.stack import Stack
from seeds import BOM, Way, faults, judged, stored

CONTEXT = {"bom_id": BOM, "organization_id": "org-123", "workflow_id": "enrich-bom-550e8400"}
CONTROL = {**CONTEXT, "user_id": "admin-789", "reason": "Supplier API maintenance window"}
PROGRESS = {**CONTEXT, "event_type": "enrichment_progress", "mpn": "LM358",
            "manufacturer": "Texas Instruments", "status": "matched", "confidence": 0.95,
            "source": "DigiKey", "component_id": "comp-123", "line_item_id": "line-456",
            "enrichment_data": {"category": "Integrated Circuits", "lifecycle_status": "Active"}}
RISK = {**CONTEXT, "event_type": "risk_alert", "component_id": "comp-123", "mpn": "OBSOLETE-CHIP-2000",
        "manufacturer": "Legacy Semiconductors", "risk_score": 85.5,
        "risk_factors": ["End of Life (EOL) status", "No alternative suppliers"]}
AUDIT = {"user_id": 1, "incident_type": "UNAUTHORIZED_ACCESS", "severity": "HIGH",
         "description": "User attempted to access restricted resource", "ip_address": "192.168.1.1",
         "details": {"path": "/secret"}, "user_clearance_level": "low", "required_clearance_level": "top",
         "access_granted": False, "user_query": "q", "threat_type": "t", "user_agent": "curl"}


@pytest.fixture
def way(make_stack: Callable[..., Stack]) -> Way:
    return Way(make_stack(consumers=0))


def without(event: dict, *names: str) -> dict:
    return {k: v for k, v in event.items() if k not in names}


def refused_without(way: Way, event: dict, *names: str) -> None:
    """Each of them is needed, and the answer names the one that lacks."""
    for name in names:
        assert set(faults(way.stack.post(without(event, name)))) == {f"/{name}"}


def test_C2_every_kind_has_its_routing_key(way: Way) -> None:
    kinds = {"processing_started": ("processing.started", 7, "urgent", "info"),
             "processing_completed": ("processing.completed", 8, "urgent", "info"),
             "stage_started": ("stage.parsing.started", 6, "normal", "info"),
             "stage_completed": ("stage.parsing.completed", 6, "normal", "info"),
             "enrichment_progress": ("enrichment.progress", 4, "normal", "info"),
             "risk_alert": ("risk.alert.critical", 8, "urgent", "critical"),
             "workflow_paused": ("workflow.paused", 9, "urgent", "info"),
             "workflow_resumed": ("workflow.resumed", 9, "urgent", "info"),
             "error": ("error", 8, "urgent", "error")}
    more = {"stage_started": {"stage_name": "parsing"}, "stage_completed": {"stage_name": "parsing"},
            "enrichment_progress": PROGRESS, "risk_alert": RISK, "error": {"error_message": "m"}}
    for kind in kinds:
        way.post({**CONTEXT, **more.get(kind, {}), "event_type": kind, "event_id": kind})
    way.store()
    assert {kind: judged(way, kind) for kind in kinds} == \
        {kind: (f"cns.{key}", *rest) for kind, (key, *rest) in kinds.items()}
    assert way.stack.database.value("SELECT count(*) FROM enrichment_events") == len(kinds)


def test_C6_processing_started(way: Way) -> None:
    full = {**CONTEXT, "event_type": "processing_started", "source": "staff", "total_items": 150,
            "user_id": "user-456", "project_id": "project-789"}
    bare = way.post({**CONTEXT, "event_type": "processing_started"})
    sent = way.post(full)
    refused = faults(way.stack.post({**without(full, "workflow_id"), "bom_id": "550e8400", "source": "shop",
                                     "total_items": -1}))
    assert set(refused) == {"/bom_id", "/source", "/total_items", "/workflow_id"}
    refused_without(way, full, "bom_id", "organization_id", "workflow_id")
    way.store()
    for event_id in (bare, sent):
        assert judged(way, event_id) == ("cns.processing.started", 7, "urgent", "info")
    assert (way.row(bare)["source"], way.row(bare)["payload"]) == ("customer", {"total_items": 0})
    row = way.row(sent)
    assert {k: row[k] for k in full if k in row} == without(full, "total_items")
    assert row["payload"] == {"total_items": 150}


def test_C6_as_a_cloudevent_from_a_uri(stack: Stack) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/cns/boms", "type": "cns.processing.started",
             "data": CONTEXT}
    row = stored(stack, json.dumps(event), headers={"Content-Type": "application/cloudevents+json"})
    assert (row["event_type"], row["routing_key"], row["priority"], row["source"], row["bom_id"]) == \
        ("processing_started", "cns.processing.started", 7, "/cns/boms", BOM)
    event |= {"id": "2", "type": "cns.enrichment.progress", "data": without(PROGRESS, "source")}
    row = stored(stack, json.dumps(event), headers={"Content-Type": "application/cloudevents+json"})
    assert (row["source"], "data_source" in row["payload"]) == ("/cns/boms", False)
    event |= {"source": "shop", "type": "cns.processing.started", "data": CONTEXT}
    answer = stack.post(json.dumps(event), headers={"Content-Type": "application/cloudevents+json"})
    assert "a URI" in faults(answer)["/source"]


def test_C7_stage_started(way: Way) -> None:
    stages = ["parsing", "enrichment", "risk_analysis", "validation", "another"]
    for stage in stages:
        way.post({**CONTEXT, "event_type": "stage_started", "event_id": stage, "stage_name": stage,
                  "user_id": "user-456", "metadata": {"parser_version": "2.0"}})
    refused_without(way, {**CONTEXT, "event_type": "stage_started", "stage_name": "parsing"},
                    "bom_id", "stage_name", "organization_id", "workflow_id")
    way.store()
    for stage in stages:
        assert judged(way, stage) == (f"cns.stage.{stage}.started", 6, "normal", "info")
        row = way.row(stage)
        assert (row["payload"]["stage_name"], row["metadata"]) == (stage, {"parser_version": "2.0"})
        assert {k: row[k] for k in CONTEXT} == CONTEXT and row["user_id"] == "user-456"


def test_C8_stage_completed(way: Way) -> None:
    counts = {"total_items": 150, "matched": 140, "no_match": 5, "cached": 85, "api_calls_made": 65,
              "average_confidence": 0.92}
    sent = way.post({**CONTEXT, "event_type": "stage_completed", "stage_name": "enrichment",
                     "duration_ms": 45000, "metadata": counts})
    way.store()
    assert judged(way, sent) == ("cns.stage.enrichment.completed", 6, "normal", "info")
    assert (way.row(sent)["duration_ms"], way.row(sent)["metadata"]) == (45000, counts)


def test_C9_enrichment_progress(way: Way) -> None:
    for status in ("matched", "no_match", "cached", "error"):
        way.post({**PROGRESS, "event_id": status, "status": status})
    refused = faults(way.stack.post({**PROGRESS, "status": "macthed", "confidence": 1.5}))
    assert set(refused) == {"/status", "/confidence"}
    assert all(word in refused["/status"] for word in ("matched", "no_match", "cached", "error"))
    way.store()
    for status in ("matched", "no_match", "cached", "error"):
        assert judged(way, status) == ("cns.enrichment.progress", 4, "normal", "info")
        row = way.row(status)
        assert row["payload"] == {**without(PROGRESS, *CONTEXT, "event_type", "source"),
                                  "status": status, "data_source": "DigiKey"}
        assert row["source"] is None and {k: row[k] for k in CONTEXT} == CONTEXT


def test_C10_risk_alert(way: Way) -> None:
    scores = {100: "critical", 80: "critical", 79.9: "high", 60: "high", 59.99: "medium", 0: "medium"}
    expected = {"critical": (8, "urgent", "critical"), "high": (7, "urgent", "error"),
                "medium": (6, "normal", "warning")}
    for score in scores:
        way.post({**RISK, "event_id": f"risk-{score}", "risk_score": score})
    way.post({**RISK, "event_id": "belittled", "severity": "low"})
    refused_without(way, RISK, "bom_id", "organization_id", "mpn", "risk_score")
    way.store()
    assert judged(way, "belittled") == ("cns.risk.alert.critical", *expected["critical"])
    for score, severity in scores.items():
        assert judged(way, f"risk-{score}") == (f"cns.risk.alert.{severity}", *expected[severity])
    payload = way.row("risk-100")["payload"]
    assert (payload["risk_factors"], payload["mpn"]) == (RISK["risk_factors"], RISK["mpn"])


def test_C11_workflow_paused_and_resumed(way: Way) -> None:
    for what in ("paused", "resumed"):
        way.post({**CONTROL, "event_type": f"workflow_{what}", "event_id": what})
    way.store()
    for what in ("paused", "resumed"):
        assert judged(way, what) == (f"cns.workflow.{what}", 9, "urgent", "info")
        row = way.row(what)
        assert row["payload"] == {"reason": CONTROL["reason"]}
        assert {k: row[k] for k in CONTROL if k in row} == without(CONTROL, "reason")


def test_C12_error(way: Way) -> None:
    details = {"supplier": "DigiKey", "status_code": 429, "retry_after_seconds": 60}
    sent = way.post({**CONTEXT, "event_type": "error", "error_code": "RATE_LIMIT_EXCEEDED",
                     "error_message": "DigiKey API rate limit exceeded", "error_details": details})
    refused_without(way, {**CONTEXT, "event_type": "error", "error_message": "m"},
                    "organization_id", "error_message")
    way.store()
    assert judged(way, sent) == ("cns.error", 8, "urgent", "error")
    assert way.row(sent)["payload"] == {"error_code": "RATE_LIMIT_EXCEEDED", "error_details": details,
                                        "error_message": "DigiKey API rate limit exceeded"}


SYSTEM_TYPES = {
    "mahavishnu": ["workflow_started", "workflow_completed", "workflow_failed", "pool_created",
                   "pool_resized", "pool_closed", "worker_started", "worker_stopped", "worker_failed",
                   "orchestration_started", "orchestration_completed", "orchestration_failed"],
    "crackerjack": ["quality_check_started", "quality_check_passed", "quality_check_failed",
                    "test_run_started", "test_run_passed", "test_run_failed", "coverage_measured",
                    "coverage_dropped", "validation_passed", "validation_failed"],
    "session_buddy": ["session_created", "session_updated", "session_deleted", "session_restored",
                      "session_state_changed"],
    "akosha": ["analytics_query", "insight_detected", "report_generated", "aggregation_completed"],
    "oneiric": ["config_changed", "config_validated", "config_rejected", "config_reloaded",
                "lifecycle_started", "lifecycle_stopped"]}


def test_M3_more_than_thirty_types(way: Way) -> None:
    pairs = [(system, name) for system, names in SYSTEM_TYPES.items() for name in names]
    assert len(pairs) > 30
    known = {t["event_type"] for t in way.stack.producer.get("/v1/event-types").json()["event_types"]}
    assert {name for _, name in pairs} <= known
    for system, name in pairs:
        way.post({"system": system, "event_type": name, "event_id": name, "title": "t"})
    way.store()
    for system, name in pairs:
        severity = "error" if name.endswith("_failed") else \
            "warning" if name in ("coverage_dropped", "config_rejected") else "info"
        assert judged(way, name) == (f"events.{name}", 5, "normal", severity)
        assert way.row(name)["system"] == system


def test_B5_activity_log(way: Way) -> None:
    needed = ("user_id", "incident_type", "severity", "description")
    full = {"event_type": "activity_log", **AUDIT}
    refused_without(way, full, *needed)
    way.post({**full, "event_id": "full"})
    way.post({**{k: full[k] for k in needed}, "event_type": "activity_log", "event_id": "bare"})
    way.store()
    for event_id in ("full", "bare"):
        assert judged(way, event_id) == ("events.activity_log", 5, "normal", "error")
    rows = way.stack.database.rows("SELECT * FROM activity_log ORDER BY ip_address NULLS FIRST")
    expected = {**AUDIT, "user_id": "1", "severity": "error"}
    bare = {k: v if k in needed else None for k, v in expected.items()}
    assert [{k: row[k] for k in expected} for row in rows] == [bare, expected]


def test_B6_further_types(way: Way) -> None:
    names = ["semantic_cache", "message_save", "order_created", "my_event"]
    for name in names:
        way.post({"event_type": name, "event_id": name, "payload": {"user_id": 7, "action": "a", "total": 9.5}})
    way.store()
    for name in names:
        priority = 4 if name == "semantic_cache" else 5
        assert judged(way, name) == (f"events.{name}", priority, "normal", "info")
        row = way.row(name)
        assert (row["user_id"], row["payload"]["action"], row["payload"]["total"]) == ("7", "a", 9.5)


def test_L3_types_of_the_code_reviewer(way: Way) -> None:
    names = ["review_started", "review_completed", "review_cancelled", "llm_query_sent",
             "llm_feedback_received", "llm_error", "report_generated", "user_action", "system_event"]
    names += [f"{check}_{end}" for end in ("started", "completed") for check in
              ("syntax_analysis", "style_analysis", "security_scan", "performance_analysis")]
    for name in names:
        way.post({"session_id": 123, "event_type": name, "event_id": name, "payload": {"n": 1}})
    way.store()
    for name in names:
        severity = {"llm_error": "error", "review_cancelled": "warning"}.get(name, "info")
        assert judged(way, name) == (f"events.{name}", 5, "normal", severity)
        assert (way.row(name)["session_id"], way.row(name)["payload"]) == (123, {"n": 1})


JOBS = [({"type": "job_started", "job_id": "j", "worker_id": "w", "queue": "q"}, "info"),
        ({"type": "job_completed", "job_id": "j", "duration": 1.25, "success": True}, "info"),
        ({"type": "job_failed", "job_id": "j", "error": "out of luck", "duration": 0.5}, "error"),
        ({"type": "worker_started", "worker_id": "w", "queue": "q"}, "info"),
        ({"type": "worker_stopped", "worker_id": "w", "queue": "q"}, "info")]


def test_N4_jobs_and_workers(way: Way) -> None:
    for event, _ in JOBS:
        way.post({**event, "event_id": event["type"]})
        for name in event:
            if name != "type":
                answer = way.stack.post(without(event, name))
                assert len(faults(answer)) == 1, f"{event['type']} without {name}"
    way.store()
    for event, severity in JOBS:
        assert judged(way, event["type"]) == (f"events.{event['type']}", 5, "normal", severity)
        row = way.row(event["type"])
        assert {k: row[k] for k in event if k in row} == {k: v for k, v in event.items() if k in row}
        assert row["duration_ms"] == (event["duration"] * 1000 if "duration" in event else None)
    assert way.row("job_failed")["payload"]["error"] == "out of luck"
