# SPDX-License-Identifier: Apache-2.0
"""The checker must see each kind of harm in a made-up run, and none in a good one."""
from pathlib import Path

import pytest

from checker import Row, Verdict, judge
from journal import Journal, content_sha256, read


def event(number: int, key: str | None = None) -> dict:
    made = {"event_type": "t", "payload": {"nonce": f"n{number}", "text": "wörd"}}
    return {**made, "event_id": key} if key else made


def row(number: int, event_id: str, **more) -> Row:
    return Row(event_id, f"id-{event_id}", f"n{number}",
               more.get("sha256", content_sha256(event(number))))


@pytest.fixture
def run(tmp_path: Path):
    """n0 accepted by key, n1 accepted without one, n2 unanswered, n3 refused, n4 503."""
    log = Journal(tmp_path / "journal")
    request = log.sending([event(0, "k0"), event(1)], "batch")
    log.answered(request, 202, 0.1, ["k0", "u1"])
    request = log.sending([event(2, "k2")], "single")
    log.answered(request, None, 0.1, [], error="reset")
    request = log.sending([event(3, "k3")], "single")
    log.answered(request, 422, 0.1, [], detail="no")
    request = log.sending([event(4, "k4")], "single")
    log.answered(request, 503, 0.1, [], retry_after="1", detail="away")
    log.sending([event(5, "k5")], "single")
    log.close()
    return list(read(log.path))


GOOD = [row(0, "k0"), row(1, "u1"), row(2, "k2")]


def harms(verdict: Verdict) -> set[str]:
    return {kind for kind in Verdict.KINDS if getattr(verdict, kind)}


def test_a_good_run_passes(run: list[dict]) -> None:
    verdict = judge(run, GOOD, set())
    assert verdict.ok, str(verdict)
    assert (verdict.sent, verdict.accepted, verdict.unknown, verdict.rows) == (6, 2, 3, 3)
    assert judge(run, GOOD[:2], set()).ok, "an unanswered event may be missing"
    assert judge(run, GOOD + [row(5, "k5"), row(4, "k4")], set()).ok, "or be there"


@pytest.mark.parametrize("rows,harm", [
    (GOOD[1:], "lost"), (GOOD[:1], "lost"), ([], "lost"),
    (GOOD + [row(1, "u2")], "duplicated"), (GOOD + [row(0, "k0")], "duplicated"),
    (GOOD + [row(2, "k2")], "duplicated"),
    (GOOD[1:] + [row(0, "k0", sha256="other")], "altered"),
    (GOOD[1:] + [row(0, "another")], "altered"),
    (GOOD[:1] + [row(1, "another")], "altered"),
    (GOOD + [Row("x", "x", "never sent", "")], "ghosts"),
    (GOOD + [Row("x", "x", None, "")], "ghosts"),
    (GOOD + [row(3, "k3")], "refused")])
def test_each_harm_is_seen(run: list[dict], rows: list[Row], harm: str) -> None:
    assert harm in harms(judge(run, rows, set()))


def test_quarantine_is_no_loss_but_is_told(run: list[dict]) -> None:
    assert harms(judge(run, GOOD[1:], {"n0"})) == {"quarantine"}


def test_a_bare_503_is_seen(run: list[dict]) -> None:
    for record in run:
        record["retry_after"] = None
    assert harms(judge(run, GOOD, set())) == {"answers"}


def test_a_missing_id_is_seen(run: list[dict]) -> None:
    run[1]["event_ids"] = ["k0"]
    assert "answers" in harms(judge(run, GOOD, set()))


def test_a_repeated_key_is_one_event(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal")
    for status in (503, 202, 202):
        request = log.sending([event(0, "k0")], "single")
        log.answered(request, status, 0.1, ["k0"] if status == 202 else [], retry_after="1",
                     detail="away")
    log.close()
    records = list(read(log.path))
    assert judge(records, GOOD[:1], set()).ok
    assert harms(judge(records, [], set())) == {"lost"}


def test_items_of_a_partial_answer_are_told_apart(tmp_path: Path) -> None:
    log = Journal(tmp_path / "journal")
    request = log.sending([event(0, "k0"), event(1), event(2, "k2")], "partial")
    log.answered(request, 207, 0.1, ["k0", "k2"], detail="one of 3 refused",
                 item_statuses=[202, 422, 202])
    log.close()
    records = list(read(log.path))
    assert judge(records, [row(0, "k0"), row(2, "k2")], set()).ok
    assert harms(judge(records, [row(0, "k0"), row(1, "u1"), row(2, "k2")], set())) == {"refused"}
