# SPDX-License-Identifier: Apache-2.0
"""The checker proved: each promise is taken out of a copy of the source by a patch, and the run
that is clean with the real programs must turn red for the reason that promise guards against.

A delay on the link concerned widens the window in which the altered program lies.
"""
import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker import Verdict
from faults import kill_producer, lose_commit_reply, lose_confirm
from rig.stack import SOURCE, Stack
from rig.wait import wait_for
from run import Run

pytestmark = pytest.mark.mutants
PATCHES = Path(__file__).resolve().parent / "mutants"
NOT_SOURCE = shutil.ignore_patterns("build*", ".*", "__pycache__")


@dataclass(frozen=True)
class Mutant:
    name: str
    program: str
    provoke: Callable[[Run], None]
    harm: str


def kill_while_the_database_is_slow(run: Run) -> None:
    run.database_link.delay(0.2)
    run.pause(1, 1.5)
    for consumer in run.stack.consumers:
        consumer.kill9()
    run.database_link.delay(0)
    for consumer in run.stack.consumers:
        consumer.restart()


def kill_while_the_broker_is_slow(run: Run) -> None:
    run.publish_link.delay(0.2)
    run.pause(1, 1.5)
    for producer in run.stack.producers:
        producer.kill9()
    run.publish_link.delay(0)
    for producer in run.stack.producers:
        producer.restart()


def lose_answers(run: Run) -> None:
    run.fault(lose_confirm)
    run.fault(kill_producer)


def cancel_a_waiting_copy(run: Run) -> None:
    """The statement fails while its session lives on, so that a COMMIT would get an answer."""
    with run.stack.database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE")
        wait_for("a batch cancelled while it waits", lambda: run.stack.database.rows(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"))


def lose_commit_replies(run: Run) -> None:
    """A transaction of keyed events only does not show it, so more than one."""
    for _ in range(8):
        run.fault(lose_commit_reply)


MUTANTS = [
    Mutant("ack_before_commit", "consumer/holdfast-consumer", kill_while_the_database_is_slow,
           "lost"),
    Mutant("answer_before_confirm", "producer/holdfast-producer", kill_while_the_broker_is_slow,
           "lost"),
    Mutant("drop_dedup", "consumer/holdfast-consumer", lose_answers, "duplicated"),
    # A failed transaction is committed, which is answered ROLLBACK, and nobody looks at the tag.
    Mutant("commit_unchecked", "consumer/holdfast-consumer", cancel_a_waiting_copy, "lost"),
    # A row that comes again has another primary key and does not meet itself.
    Mutant("fresh_id_when_again", "consumer/holdfast-consumer", lose_commit_replies,
           "duplicated"),
]


def do(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def build_all(folder: Path) -> None:
    """A copy of the source, patched one way after the other and built in the same place, so that
    only what a patch touches is compiled for it; unoptimised for speed of building."""
    copy = folder / "source"
    shutil.copytree(SOURCE, copy, ignore=NOT_SOURCE)
    do(copy, "git", "init", "-q", ".")
    do(copy, "meson", "setup", "build", "-Doptimization=0", "-Dtests=false", "-Dwerror=true")
    for mutant in MUTANTS:
        patch = ("git", "apply", "-C1", "--recount", str(PATCHES / f"{mutant.name}.patch"))
        do(copy, *patch)
        do(copy, "ninja", "-C", "build", mutant.program)
        target = folder / mutant.name / mutant.program
        target.parent.mkdir(parents=True)
        shutil.copy(copy / "build" / mutant.program, target)
        do(copy, *patch, "--reverse")
    (folder / "built").touch()


@pytest.fixture(scope="session")
def mutants(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder with all of them, built by the worker that comes first."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "mutants"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            build_all(folder)
    return folder


@pytest.fixture
def run_with(make_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Callable[[], Run]]:
    runs: list[Run] = []

    def start() -> Run:
        runs.append(Run(make_stack, tmp_path, seed=7, workers=1))
        return runs[-1].start()
    yield start
    for run in runs:
        run.close()


def provoked(run: Run, mutant: Mutant) -> Verdict:
    for _ in range(2):
        mutant.provoke(run)
        run.wait_accepted(100)
    return run.finish(late_seconds=5)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name for m in MUTANTS])
def test_the_real_programs_stay_clean(mutant: Mutant, run_with: Callable[[], Run]) -> None:
    verdict = provoked(run_with(), mutant)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name for m in MUTANTS])
def test_the_checker_turns_red(mutant: Mutant, mutants: Path, run_with: Callable[[], Run],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_MUTANT", str(mutants / mutant.name))
    verdict = provoked(run_with(), mutant)
    assert getattr(verdict, mutant.harm), f"{mutant.name} was not seen: {verdict}"
