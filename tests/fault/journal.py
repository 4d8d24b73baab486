# SPDX-License-Identifier: Apache-2.0
"""What was sent and what was answered, on disk before anything else happens.

One JSON line each: {"request": n, "events": [{"nonce", "key", "sha256"}], ...} before the bytes go
out, {"request": n, "answer": status or null, "event_ids": [...], ...} after. Every event carries a
nonce in its payload, so a row can be traced to what was sent whatever id it got. The digest is
taken over what the client said, from Python's own JSON and not from any code under test; what it
left to the catalogue, which may change, is named in the payload.
"""
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# The members whose content is compared, with what is stored when they are absent.
COMPARED = {"event_type": None, "severity": "info", "title": None, "session_id": None,
            "correlation_id": None, "tags": None, "priority": 5, "payload": None}


def content_sha256(event: dict) -> str:
    unsaid = (event.get("payload") or {}).get("unsaid", ())
    said = {name: event.get(name, default) for name, default in COMPARED.items()
            if name not in unsaid}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Journal:
    """Append-only. Lines reach the disk by fsync every few milliseconds and at the end."""

    def __init__(self, path: Path, sync_seconds: float = 0.02):
        self.path = path
        self._file = open(path, "a", encoding="utf-8")
        self._lock = threading.Lock()
        self._requests = 0
        self._synced_at = 0.0
        self._sync_seconds = sync_seconds

    def sending(self, events: list[dict], what: str) -> int:
        self._requests += 1
        entries = [{"nonce": e["payload"]["nonce"], "key": e.get("event_id"),
                    "sha256": content_sha256(e)} for e in events]
        self._write({"request": self._requests, "what": what, "at": time.time(),
                     "events": entries})
        return self._requests

    def answered(self, request: int, status: int | None, seconds: float, event_ids: list[str],
                 error: str = "", retry_after: str | None = None, detail: str = "",
                 item_statuses: list[int] | None = None) -> None:
        self._write({"request": request, "answer": status, "at": time.time(),
                     "seconds": round(seconds, 6), "event_ids": event_ids, "error": error,
                     "retry_after": retry_after, "detail": detail,
                     "item_statuses": item_statuses})

    def note(self, what: str) -> None:
        """A fault that was injected, for whoever reads the journal afterwards."""
        self._write({"note": what, "at": time.time()})

    def _write(self, record: dict) -> None:
        with self._lock:
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            now = time.monotonic()
            if now - self._synced_at > self._sync_seconds:
                self._sync()
                self._synced_at = now

    def _sync(self) -> None:
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        with self._lock:
            self._sync()
            self._file.close()


def read(path: Path) -> Iterator[dict]:
    with open(path, encoding="utf-8") as f:
        for line in f:
            yield json.loads(line)
