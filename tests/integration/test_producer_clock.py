# SPDX-License-Identifier: Apache-2.0
"""A producer whose clock is wrong says so and takes nothing, and what it took before it knew is
stored."""
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.stack import Daemon, Stack
from rig.wait import wait_for

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Clock:
    """The wall clock of one process, to be set while it runs."""

    def __init__(self, file: Path):
        self.file = file
        self.set("+0")

    def set(self, to: str) -> None:
        """Relative ("+2d"), or a date to start from ("@1971-01-01 00:00:00")."""
        new = self.file.with_suffix(".new")
        new.write_text(to + "\n")
        new.replace(self.file)

    def env(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    if not LIBRARY.exists():
        pytest.skip("no libfaketime")
    return Clock(tmp_path / "clock")


@pytest.fixture
def stack(make_stack: Callable[..., Stack], clock: Clock) -> Iterator[Stack]:
    """Its producer has a clock of its own, and is not started yet."""
    stack = make_stack(producers=0)
    stack.add_producer(env=clock.env())
    yield stack


def refusal(producer: Daemon) -> str | None:
    """What is wrong with its clock; it is not ready then."""
    check = producer.health()["checks"]["clock"]
    if check["status"] == "healthy":
        return None
    ready = producer.get("/readyz?verbose")
    assert ready.status_code == 503 and "[-] clock unhealthy: this machine's clock" in ready.text
    return check["detail"]


def post_until_refused(stack: Stack) -> int:
    """How many events were taken before it knew."""
    taken = 0

    def refused() -> bool:
        nonlocal taken
        answer = stack.post({"event_type": "x", "event_id": f"e-{taken}"})
        taken += answer.status_code == 202
        return answer.status_code == 503
    wait_for("a refusal", refused)
    return taken


@pytest.mark.parametrize(("offset", "words", "days"), [
    ("+400d", "ahead of the database's", 400), ("-40d", "behind the database's", -40)])
def test_a_wrong_clock_is_named_and_nothing_is_taken_until_it_is_right(
        stack: Stack, clock: Clock, offset: str, words: str, days: int) -> None:
    clock.set(offset)
    stack.producer.start()
    stack.producer.wait_ready()
    taken = post_until_refused(stack)
    assert taken > 0
    answer = stack.post({"event_type": "x"})
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) < 5
    assert answer.json()["type"].endswith("clock-wrong"), answer.text
    told = refusal(stack.producer)
    assert words in told and words in answer.json()["detail"]
    assert f"{abs(days)} days" in told or f"{abs(days) - 1} days" in told, told
    skew = wait_for("the metric", lambda: stack.producer.metric("holdfast_clock_skew_seconds"))
    assert abs(skew - days * 86400) < 60
    wait_for("the log saying it", lambda: "clock_wrong" in stack.producer.log_text())
    clock.set("+0")
    wait_for("it taking events again", lambda: refusal(stack.producer) is None)
    assert stack.post({"event_type": "x", "event_id": "right"}).status_code == 202
    stack.event("right")
    stack.wait_count(taken, "starts_with(event_id, 'e-')")
    actions = [json.loads(line)["event.action"] for line in
               stack.producer.log_text().splitlines()]
    wait_for("the log saying that it is right", lambda: "clock_right" in
             stack.producer.log_text())
    assert actions.count("clock_wrong") == 1, "once in half a minute"


def test_a_clock_before_the_program_was_made_is_wrong_by_itself(stack: Stack,
                                                                clock: Clock) -> None:
    clock.set("@1971-01-01 00:00:00")
    stack.producer.start()
    wait_for("it saying so", lambda: refusal(stack.producer))
    assert "1971-01-01T" in refusal(stack.producer)
    answer = stack.post({"event_type": "x"})
    assert answer.status_code == 503 and "1971" in answer.json()["detail"]
    clock.set("+0")
    wait_for("it taking events", lambda: stack.post({"event_type": "x"}).status_code == 202)
    stack.wait_count(1)


def test_four_minutes_are_nothing(stack: Stack, clock: Clock) -> None:
    clock.set("+240s")
    stack.producer.start()
    stack.producer.wait_ready()
    for n in range(10):
        assert stack.post({"event_type": "x", "event_id": f"e-{n}"}).status_code == 202
        stack.event(f"e-{n}")
    wait_for("the metric", lambda: 230 < stack.producer.metric("holdfast_clock_skew_seconds") < 250)
    assert refusal(stack.producer) is None


def test_a_clock_that_jumps_under_a_running_producer_is_seen_without_asking(
        stack: Stack, clock: Clock) -> None:
    stack.producer.start()
    stack.producer.wait_ready()
    assert stack.post({"event_type": "x", "event_id": "before"}).status_code == 202
    stack.event("before")
    wait_for("a receipt", lambda: stack.producer.metric("holdfast_events_waiting") == 0)
    clock.set("+3d")
    wait_for("it seeing that", lambda: refusal(stack.producer))
    assert "ahead of the database's" in refusal(stack.producer)
    assert stack.post({"event_type": "x"}).status_code == 503
