# SPDX-License-Identifier: Apache-2.0
"""What a newcomer does on a fresh machine, stage by stage, on each platform in turn. A stage is a
shell command in the clone; what it said is in the platform's folder. The last line is "N passed, N
failed".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests"))
# pylint: disable=wrong-import-position
import report  # noqa: E402
from machine import Machine, running, unpack  # noqa: E402
from rig.debian import CannotMake  # noqa: E402
from rig.process import end_on_sigterm  # noqa: E402
from rig.wait import free_port  # noqa: E402

CLONE = "root/holdfast"
DEFAULT = ["trixie", "forky"]


@dataclass(frozen=True)
class Stage:
    name: str
    command: str
    seconds: int

    @property
    def is_test_run(self) -> bool:
        return self.command.startswith("tests/run ")


@dataclass
class Outcome:
    name: str
    command: str
    passed: int
    failed: int
    seconds: float
    said: str  # the last line
    revision: str


UP = Stage("up", "deploy/up", 900)
JOB = Stage("job", 'eval "$(deploy/env)"; python3 tests/platform/job.py', 600)
DOCTOR = Stage("doctor", 'eval "$(deploy/env)"; holdfast doctor', 60)
DOWN = Stage("down", "deploy/down --purge", 120)
SHOW_LOGS = "find /var/lib/holdfast/log -type f -exec tail -v -n 30 {} +"
# The network is shared, and others choose ports too: these nobody else here is given.
PORTS = ("PRODUCER_PORT", "METRICS_PORT", "RABBITMQ_PORT", "DATABASE_PORT")
SLICE = [UP, JOB, DOCTOR, DOWN]
TESTS = [Stage(step, f"tests/run {step}", seconds) for step, seconds in (
    ("build-gcc", 1800), ("unit", 900), ("build-clang", 900), ("unit-clang", 900),
    ("integration", 2700), ("faults", 2700), ("bench", 900))]


def campaign(minutes: float) -> Stage:
    return Stage("campaign", "tests/run build-gcc && HOLDFAST_BUILD=build-gcc "
                 f"tests/fault/campaign --minutes {minutes:g}", int(minutes * 60) + 1500)


def git(*args: str, folder: Path = SOURCE) -> str:
    return subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True,
                          check=True).stdout


def clone(target: Path) -> str:
    """A clean clone of what is committed, and what is not yet on top; its revision."""
    if target.exists():
        git("fetch", "-q", str(SOURCE), "HEAD", folder=target)
        git("reset", "-q", "--hard", "FETCH_HEAD", folder=target)
        git("clean", "-qfd", folder=target)  # what was not committed then; what is built stays
    else:
        git("clone", "-q", "--no-hardlinks", str(SOURCE), str(target))
    changed = git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    for name in (entry[3:] for entry in changed.split("\0") if entry):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (SOURCE / name).exists():
            shutil.copy2(SOURCE / name, target / name)
        else:
            (target / name).unlink(missing_ok=True)
    return git("rev-parse", "--short", "HEAD").strip() + ("+" if changed else "")


def remove(folder: Path) -> None:
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


class Platform:
    def __init__(self, release: str, folder: Path):
        self.release, self.folder = release, folder / release
        self.root, self.log = self.folder / "root", self.folder / "log"
        self._results = self.folder / "results.json"
        self.revision = ""
        self.outcomes: dict[str, Outcome] = {}
        self.versions: dict[str, str] = {}
        self.tests: dict[str, dict[str, str]] = {}

    def prepare(self, go_on: bool) -> None:
        if go_on and self._results.exists() and (self.root / CLONE).exists():
            kept = json.loads(self._results.read_text())
            self.versions, self.tests = kept["versions"], kept["tests"]
            self.outcomes = {o["name"]: Outcome(**o) for o in kept["outcomes"] if not o["failed"]}
        else:
            remove(self.folder)
            unpack(self.release, self.root)
        self.revision = clone(self.root / CLONE)
        self.log.mkdir(exist_ok=True)

    def run(self, stages: list[Stage]) -> None:
        with running(self.root, {name: str(free_port()) for name in PORTS}) as machine:
            for stage in stages:
                if stage.name not in self.outcomes:
                    self._run_stage(machine, stage)
                if stage is UP and self.outcomes[UP.name].failed:
                    break
            self.versions = report.ask_versions(machine, self.log / "versions.log")
            self._save()

    def _run_stage(self, machine: Machine, stage: Stage) -> None:
        begin = time.monotonic()
        log = self.log / f"{stage.name}.log"
        log.unlink(missing_ok=True)
        status = machine.shell(f"cd /{CLONE} && {stage.command}", log, stage.seconds)
        if status and not stage.is_test_run:
            machine.shell(SHOW_LOGS, log, 20)
        lines = log.read_text(errors="replace").strip().splitlines()
        passed, failed = (0, 1) if status else (1, 0)
        if stage.is_test_run and lines[-1].endswith(" failed"):
            passed, failed = (int(word) for word in lines[-1].split() if word.isdigit())
        outcome = Outcome(stage.name, stage.command, passed, failed,
                          round(time.monotonic() - begin, 1), lines[-1], self.revision)
        self.outcomes[stage.name] = outcome
        self.tests.update(report.tests_of(self.root / CLONE))
        self._save()
        print(f"{self.release:9} {stage.command:56} {passed:5} passed {failed:3} failed "
              f"{outcome.seconds:7.1f} s", flush=True)
        for line in lines[-200:] if failed else []:
            print(f"    {line}", flush=True)

    def _save(self) -> None:
        self._results.write_text(json.dumps({
            "versions": self.versions, "tests": self.tests,
            "outcomes": [asdict(o) for o in self.outcomes.values()]}))


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/platform/run", description=__doc__)
    parser.add_argument("releases", nargs="*", metavar="RELEASE",
                        help=f"of Debian; {' and '.join(DEFAULT)} when none is named")
    parser.add_argument("--slice", action="store_true", help="no tests of the repository")
    parser.add_argument("--continue", dest="go_on", action="store_true",
                        help="in the root that is there, with the source as it is now, without "
                             "what has passed")
    parser.add_argument("--campaign", type=float, metavar="MINUTES",
                        help="the campaign of faults too, behind the tests")
    parser.add_argument("--write", action="store_true", help="write docs/platforms.md")
    parser.add_argument("--keep", action="store_true",
                        help="the roots too, which stay where something failed")
    parser.add_argument("--folder", type=Path, default=SOURCE / "build-platforms",
                        help="where roots and logs lie (build-platforms)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    given = arguments(argv)
    end_on_sigterm()
    passed = failed = 0
    for release in given.releases or DEFAULT:
        platform = Platform(release, given.folder.resolve())
        try:
            platform.prepare(given.go_on)
        except CannotMake as reason:
            print(f"SKIPPED {release}: {reason}")
            continue
        stages = SLICE if given.slice else SLICE + TESTS
        platform.run(stages + ([campaign(given.campaign)] if given.campaign else []))
        bad = sum(o.failed for o in platform.outcomes.values())
        passed, failed = passed + sum(o.passed for o in platform.outcomes.values()), failed + bad
        if not (bad or given.keep):
            remove(platform.root)
    if given.write:
        report.write(given.folder, SOURCE / "docs/platforms.md")
    print(f"logs in {given.folder}/*/log")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
