# SPDX-License-Identifier: Apache-2.0
"""The instrument itself: its quickest slice measures what it says, and docs/benchmarks.md shows what
was measured."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
sys.path.insert(0, str(HERE))

# The path above must be there first.
from measurements import MEASUREMENTS  # noqa: E402
from report import BEGIN, END, Run, render, target_row  # noqa: E402
from targets import TARGETS, Target  # noqa: E402

# The peers need packages of their own.
SLICE = ("single", "http", "batch_100", "open_1000", "confirm_1")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict:
    path = tmp_path_factory.mktemp("bench") / "report.json"
    done = subprocess.run([sys.executable, str(HERE / "compare.py"), "--quick", "--json", str(path),
                           "--only", ",".join(SLICE)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(path.read_text())


def test_each_measurement_leaves_its_record(report):
    assert sorted(r["measurement"] for r in report["records"]) == sorted(SLICE)
    assert all("figures" in r for r in report["records"]), report["records"]


def test_nothing_is_lost_or_there_twice(report):
    run = Run(report)
    for name in SLICE:
        for figures in run.figures_of(name):
            if "stored" in figures:
                assert figures["stored"] >= figures["accepted"] > 0, (name, figures)
                assert figures["lost"] == figures["duplicated"] == 0, (name, figures)


def test_a_measurement_tells_what_its_targets_ask(report):
    run = Run(report)
    measured = [t for t in TARGETS if t.figure[0] in SLICE and
                (t.against is None or t.against[0] in SLICE)]
    assert len(measured) >= 8
    for target in measured:
        assert target_row(run, target) is not None, target


def test_latencies_are_measured_from_the_due_moment_to_the_row(report):
    figures = Run(report).figures_of("open_1000")[0]
    assert 0 < figures["answer_p50_us"] <= figures["answer_p99_us"]
    assert 0 < figures["visible_p50_us"] <= figures["visible_p99_us"] <= figures["visible_max_us"]


def test_the_targets_speak_of_measurements_that_there_are():
    names = {m.name for m in MEASUREMENTS}
    assert len(names) == len(MEASUREMENTS)
    for target in TARGETS:
        assert target.figure[0] in names and (target.against or target.figure)[0] in names
        assert (target.at_least is None) != (target.at_most is None)


def records(name: str, key: str, values: list[float]) -> list[dict]:
    return [{"measurement": name, "round": number, "figures": {key: value}}
            for number, value in enumerate(values, 1)]


def test_a_ratio_is_made_round_by_round():
    run = Run({"records": records("a", "x", [10, 40, 90]) + records("b", "y", [1, 2, 3, 4])})
    ratio = run.ratio(("a", "x"), ("b", "y"))
    assert (ratio.median, ratio.least, ratio.greatest) == (20, 10, 30)


@pytest.mark.parametrize("limits, reached", [({"at_least": 20}, "yes"), ({"at_least": 20.1}, "**no**"),
                                             ({"at_most": 20}, "yes"), ({"at_most": 19.9}, "**no**")])
def test_a_target_is_reached_by_the_median(limits, reached):
    run = Run({"records": records("a", "x", [10, 40, 90]) + records("b", "y", [1, 2, 3])})
    assert target_row(run, Target("t", ("a", "x"), ("b", "y"), **limits))[-1] == reached


def test_the_documented_figures_are_those_of_the_kept_run():
    kept = json.loads((DOCS / "benchmarks.json").read_text())
    section = (DOCS / "benchmarks.md").read_text().partition(BEGIN)[2].partition(END)[0]
    assert section.strip() == render(kept).strip(), "tests/bench/run --render writes it anew"
