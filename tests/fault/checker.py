# SPDX-License-Identifier: Apache-2.0
"""Judges a run from its journal and the rows, by nothing else.

    lost        answered 2xx, and neither a row nor listed in quarantine
    duplicated  more than one row of one event, or of one key, whatever was answered
    altered     a row whose content, key or id differs from what was sent and answered
    ghosts      a row nobody sent
    refused     a row of an event that was only ever answered 4xx
    quarantine  quarantined though nothing was wrong with it
    answers     a 5xx without Retry-After, or an error without its reason
"""
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import journal
from journal import content_sha256
from rig.database import Database

NONCE = re.compile(rb'"nonce"\s*:\s*"([^"]+)"')


@dataclass
class Sent:
    """All that is known of one event from the client's side."""
    nonce: str
    key: str | None
    sha256: str
    accepted_as: set[str] = field(default_factory=set)
    statuses: set[int | None] = field(default_factory=set)

    @property
    def is_accepted(self) -> bool:
        return bool(self.accepted_as)

    @property
    def is_refused(self) -> bool:
        return bool(self.statuses) and all(s and 400 <= s < 500 for s in self.statuses)


@dataclass(frozen=True)
class Row:
    event_id: str
    id: str
    nonce: str | None
    sha256: str


@dataclass
class Verdict:
    sent: int = 0
    accepted: int = 0
    unknown: int = 0
    rows: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    quarantine: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    KINDS = ("lost", "duplicated", "altered", "ghosts", "refused", "quarantine", "answers")

    @property
    def ok(self) -> bool:
        return not any(getattr(self, kind) for kind in self.KINDS)

    def __str__(self) -> str:
        lines = [f"{self.sent} events sent, {self.accepted} accepted, {self.unknown} unanswered, "
                 f"{self.rows} rows"]
        for kind in self.KINDS:
            found = getattr(self, kind)
            if found:
                lines.append(f"{len(found)} {kind}: {'; '.join(found[:5])}")
        return "\n".join(lines)


def sent_events(records: Iterable[dict]) -> tuple[dict[str, Sent], list[str]]:
    """Per nonce what was sent and answered, and what was wrong with answers themselves."""
    by_request: dict[int, list[dict]] = {}
    sent: dict[str, Sent] = {}
    faults: list[str] = []
    for record in records:
        if "events" in record:
            by_request[record["request"]] = record["events"]
            for entry in record["events"]:
                sent.setdefault(entry["nonce"], Sent(**entry))
        elif "answer" in record:
            entries = by_request.pop(record["request"])
            faults += _answer_faults(record, entries)
            _note_answer(record, [sent[e["nonce"]] for e in entries])
    for entries in by_request.values():
        for entry in entries:
            sent[entry["nonce"]].statuses.add(None)
    return sent, faults


def _note_answer(record: dict, events: list[Sent]) -> None:
    items = record.get("item_statuses") or [record["answer"]] * len(events)
    ids = iter(record["event_ids"])
    for event, status in zip(events, items):
        event.statuses.add(status)
        if status is not None and 200 <= status < 300:
            event.accepted_as.add(next(ids, "no id was answered"))


def _answer_faults(record: dict, entries: list[dict]) -> Iterable[str]:
    status, request = record["answer"], record["request"]
    if status is None:
        return
    if status >= 500 and not record["retry_after"]:
        yield f"request {request}: {status} without Retry-After"
    if status >= 400 and not record["detail"]:
        yield f"request {request}: {status} without a reason"
    if status == 202 and len(record["event_ids"]) != len(entries):
        yield f"request {request}: {len(record['event_ids'])} ids for {len(entries)} events"


def judge(records: Iterable[dict], rows: Iterable[Row], quarantined: set[str]) -> Verdict:
    """quarantined: the nonces found in quarantine."""
    sent, answer_faults = sent_events(records)
    verdict = Verdict(sent=len(sent), answers=answer_faults)
    by_nonce: dict[str, list[Row]] = defaultdict(list)
    by_key: dict[str, int] = defaultdict(int)
    for row in rows:
        verdict.rows += 1
        by_key[row.event_id] += 1
        if row.nonce is None or row.nonce not in sent:
            verdict.ghosts.append(f"{row.id} {row.event_id} (nonce {row.nonce})")
        else:
            by_nonce[row.nonce].append(row)
    verdict.duplicated += [f"key {key} has {n} rows" for key, n in by_key.items() if n > 1]
    for nonce, event in sent.items():
        _judge_event(event, by_nonce.get(nonce, []), nonce in quarantined, verdict)
    return verdict


def _judge_event(event: Sent, rows: list[Row], is_quarantined: bool, verdict: Verdict) -> None:
    name = f"{event.nonce} (key {event.key})"
    verdict.accepted += event.is_accepted
    verdict.unknown += not event.is_accepted and not event.is_refused
    if event.is_accepted and not rows and not is_quarantined:
        verdict.lost.append(name)
    if len(rows) > 1:
        verdict.duplicated.append(f"{name} has {len(rows)} rows")
    if event.is_refused and rows:
        verdict.refused.append(name)
    if is_quarantined:
        verdict.quarantine.append(name)
    for row in rows:
        if row.sha256 != event.sha256:
            verdict.altered.append(f"{name}: other content")
        elif event.key is not None and row.event_id != event.key:
            verdict.altered.append(f"{name}: stored as {row.event_id}")
        elif event.is_accepted and row.event_id not in event.accepted_as:
            verdict.altered.append(f"{name}: stored as {row.event_id}, answered "
                                   f"{sorted(event.accepted_as)}")


def stored_rows(database: Database) -> Iterable[Row]:
    columns = ", ".join(name + ("::text" if name in ("severity", "payload") else "")
                        for name in journal.COMPARED)
    with database.connect() as session:
        cursor = session.execute(f"SELECT id::text, event_id, {columns} FROM log_events")
        for row in cursor:
            row["payload"] = json.loads(row["payload"])
            nonce = row["payload"].get("nonce")
            yield Row(row["event_id"], row["id"], nonce if isinstance(nonce, str) else None,
                      content_sha256(row))


def quarantined_nonces(database: Database) -> set[str]:
    return {match.decode() for row in database.rows("SELECT raw FROM quarantine")
            for match in NONCE.findall(bytes(row["raw"]))}


def judge_run(path: Path, database: Database) -> Verdict:
    return judge(journal.read(path), stored_rows(database), quarantined_nonces(database))
