# SPDX-License-Identifier: Apache-2.0
"""The urgent lane: what is urgent is stored at once, whatever waits before it."""
import json
import statistics
import time

import psycopg

from rig.stack import Stack
from rig.wait import wait_for

WAITING, SAMPLES, MEDIAN_MS = 100_000, 20, 250.0
REQUEST = 5000


def low_priority(first: int) -> bytes:
    """A request of events, a line each."""
    line = {"event_type": "matching_progress", "priority": 3, "severity": "info",
            "routing_key": "matching.progress", "service": "matcher",
            "payload": {"mpn": "LM358DR", "status": "matched", "note": "x" * 100}}
    return b"".join(json.dumps({**line, "session_id": n + 1}).encode() + b"\n"
                    for n in range(first, first + REQUEST))


def ms_until_stored(stack: Stack, session: psycopg.Connection, event_id: str) -> float:
    """From the request to the commit of its event, seen by its key."""
    begin = time.monotonic()
    answer = stack.post({"event_type": "matching_paused", "event_id": event_id, "priority": 9})
    assert answer.status_code == 202, answer.text
    wait_for(f"{event_id} stored", lambda: session.execute(
        "SELECT id FROM event_keys WHERE event_id = %s", (event_id,)).fetchone(), 30, 0.002)
    return (time.monotonic() - begin) * 1000


def test_urgent_is_stored_within_250_ms_behind_100000_waiting(stack: Stack) -> None:
    stack.consumer.stop()
    posted = 0
    while posted < 2.5 * WAITING:
        answer = stack.post(low_priority(posted),
                            headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 202, answer.text[:1000]
        posted += REQUEST
    stack.consumer.restart()

    def stored() -> float:
        return stack.consumer.metric("holdfast_events_stored_total")
    wait_for("storing under way", lambda: stored() > 2000)
    with stack.database.connect() as session:
        took = [ms_until_stored(stack, session, f"urgent-{n}") for n in range(SAMPLES)]
    waiting = posted - stored()
    print("ms to store an urgent event:", *sorted(round(t) for t in took), "median:",
          round(statistics.median(took)), "waiting:", round(waiting))
    assert waiting >= WAITING, "the backlog was gone before the last sample"
    assert statistics.median(took) < MEDIAN_MS, took
