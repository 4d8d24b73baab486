# SPDX-License-Identifier: Apache-2.0
"""The job's judge finds what it is there for, and the page says what failed."""
import pytest

import job
import report


@pytest.mark.parametrize("accepted, stored, quarantined, ok", [
    ((1, 2), (1, 2), 0, True), ((1, 2), (1,), 0, False), ((1, 2), (1, 2, 2), 0, False),
    ((1, 2), (1, 2), 1, False), ((1,), (1, 2), 0, True)])
def test_lost_twice_and_quarantined_are_found(
        accepted: tuple, stored: tuple, quarantined: int, ok: bool,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose answer was not heard any more is no fault."""
    def sql(query: str) -> list[str]:
        return [str(quarantined)] if "quarantine" in query else [f"e{n}" for n in stored]
    load = job.Load("http://127.0.0.1:1")
    load.accepted = [f"e{n}" for n in accepted]
    monkeypatch.setattr(job, "sql", sql)
    monkeypatch.setattr(job, "PATIENCE_S", 0)
    assert job.judge(load) is ok


def test_a_sender_that_was_refused_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise AssertionError("400: no")
    load = job.Load("http://127.0.0.1:1")
    monkeypatch.setattr(load, "_send", refused)
    monkeypatch.setattr(job, "sql", lambda query: ["0"] if "quarantine" in query else [])
    load._run()
    assert load.faults == ["400: no"] and not job.judge(load)


def test_the_page_shows_what_failed_and_what_was_not_run() -> None:
    good = {"name": "up", "command": "deploy/up", "passed": 1, "failed": 0, "seconds": 2.4,
            "said": "", "revision": "abc"}
    page = report.page_of({
        "bookworm": {"versions": {"meson": "1.0.1"}, "tests": {"unit": {"corpus_gate": "passed"}},
                     "outcomes": [good]},
        "forky": {"versions": {}, "tests": {"unit": {"corpus_gate": "failed"}},
                  "outcomes": [{**good, "passed": 3, "failed": 2}]}})
    assert "| command | Debian 12 | forky |" in page
    assert "| `deploy/up` | 1 passed, 2 s, abc | **2 failed**, 3 passed, 2 s, abc |" in page
    assert "| meson | 1.0.1 | – |" in page
    assert "`corpus_gate` | 1 passed | **1 failed** |" in page
