# SPDX-License-Identifier: Apache-2.0
"""What is sent: bodies of requests, made before the clock starts and the same in every round."""
import json
import random
import uuid
from dataclasses import dataclass

PAD = "p" * 150


@dataclass(frozen=True)
class Load:
    """Bodies that requests take in turn; each holds so many events. The outbox has room for 50,000
    events: more on their way at once are refused."""
    content_type: str
    bodies: tuple[bytes, ...]
    events_each: int

    @property
    def connections(self) -> int:
        return min(64, 32000 // self.events_each)


def event(event_type: str, session_id: int) -> dict:
    """About 270 bytes, as the code reviewer sends them; the peers take it as well."""
    return {"session_id": session_id, "event_type": event_type,
            "payload": {"code_language": "python", "file_count": 3,
                        "user_agent": "VSCode/1.74.0", "pad": PAD}}


def singles(event_type: str = "llm_query_sent") -> Load:
    return Load("application/json", (_json(event(event_type, 123)),), 1)


def batches(size: int, event_type: str = "llm_query_sent") -> Load:
    return _lines([event(event_type, number % 997 + 1) for number in range(size)], size)


def mixed(size: int, bodies: int = 20) -> Load:
    """Of all five systems, ids spread as real ones are."""
    chance = random.Random(4)
    return _lines([chance.choice(FAMILIES)(chance) for _ in range(size * bodies)], size)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _lines(events: list[dict], size: int) -> Load:
    lines = [_json(e) + b"\n" for e in events]
    bodies = tuple(b"".join(lines[at:at + size]) for at in range(0, len(lines), size))
    return Load("application/x-ndjson", bodies, size)


def _id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _components(chance: random.Random) -> dict:
    common = {"bom_id": _id(chance), "organization_id": f"org-{chance.randrange(40)}",
              "workflow_id": f"wf-{chance.randrange(100000)}"}
    return chance.choice((
        {"event_type": "stage_completed", "stage_name": "enrichment", "duration_ms": 1834.5,
         "metadata": {"total_items": 120, "matched": 97, "no_match": 3, "cached": 20}},
        {"event_type": "enrichment_progress", "mpn": "LM358DR", "manufacturer": "TI",
         "status": "matched", "confidence": 0.97, "data_source": "supplier",
         "enrichment_data": {"lifecycle": "active", "stock": 15000, "price": 0.12}},
        {"event_type": "risk_alert", "mpn": "NE555P", "risk_score": chance.randrange(100),
         "risk_factors": ["single source", "end of life"]})) | common


def _orchestration(chance: random.Random) -> dict:
    return {"system": chance.choice(("mahavishnu", "crackerjack", "session_buddy", "akosha")),
            "event_type": chance.choice(("workflow_completed", "test_run_passed",
                                         "quality_check_failed", "session_updated")),
            "title": "Nightly run", "description": "All pools answered within their time",
            "data": {"pool": "pool-7", "tasks": 41, "retried": 2}, "tags": ["nightly", "ci"],
            "correlation_id": _id(chance), "source_component": "orchestrator",
            "duration_ms": chance.randrange(100000)}


def _bus(chance: random.Random) -> dict:
    return {"event_type": "activity_log", "user_id": str(chance.randrange(5000)),
            "incident_type": "document_access", "severity": "medium",
            "description": "A document was asked for", "access_granted": True,
            "user_clearance_level": "secret", "ip_address": "10.1.2.3",
            "details": {"document": f"d-{chance.randrange(10000)}", "pages": 12}}


def _reviewer(chance: random.Random) -> dict:
    kinds = ("llm_query_sent", "llm_feedback_received", "syntax_analysis_completed", "user_action",
             "report_generated", "review_started")
    return event(chance.choice(kinds), chance.randrange(1, 1000000))


def _jobs(chance: random.Random) -> dict:
    return {"job_id": _id(chance), "worker_id": f"worker-{chance.randrange(30)}",
            "queue": "default", "service": "naq", "service_version": "0.2.0"} | chance.choice((
                {"event_type": "job_started"},
                {"event_type": "job_completed", "duration": 1.25, "success": True},
                {"event_type": "job_failed", "duration": 0.5, "error": "ValueError: no such row"}))


FAMILIES = (_components, _orchestration, _bus, _reviewer, _jobs)
