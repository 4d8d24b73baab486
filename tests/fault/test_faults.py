# SPDX-License-Identifier: Apache-2.0
"""The promises under faults: what was answered 2xx is stored exactly once with its content, whatever
is killed or cut. HOLDFAST_SEED repeats a run's dice, HOLDFAST_FAULTS says how often each happens."""
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults import (LINK_FAULTS, cut_links, freeze_broker, freeze_database, freeze_worker,
                    kill_broker, kill_consumer, kill_database, kill_everything, kill_producer,
                    kill_worker, lose_ack, lose_commit_reply, lose_confirm, restart_consumer,
                    restart_producer)
from rig.stack import Stack
from run import Run
from state_faults import (CLOCK_FAULTS, drop_temporary_schemas, end_sessions, end_working_sessions,
                          reload_catalogue)

TIMES = int(os.environ.get("HOLDFAST_FAULTS", "3"))


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1_000_000)))


@pytest.fixture
def run(make_stack: Callable[..., Stack], tmp_path: Path, seed: int) -> Iterator[Run]:
    made = Run(make_stack, tmp_path, seed)
    yield made.start()
    faults = made.close()
    assert not faults, "\n".join(faults) + "\n" + made.stack.logs()


def holds_through(run: Run, *faults: Callable[[Run], None], times: int = TIMES) -> None:
    for fault in times * faults:
        run.fault(fault)
    run.wait_accepted(200)
    verdict = run.finish()
    assert verdict.ok, str(verdict)
    assert verdict.accepted >= 400, f"hardly any load: {verdict}"


@pytest.mark.asan
def test_no_loss_on_producer_kill(run: Run) -> None:
    holds_through(run, kill_producer)


def test_no_loss_on_producer_worker_kill(run: Run) -> None:
    holds_through(run, kill_worker)


@pytest.mark.asan
def test_no_loss_on_consumer_kill(run: Run) -> None:
    holds_through(run, kill_consumer)


@pytest.mark.asan
def test_no_loss_on_broker_kill(run: Run) -> None:
    holds_through(run, kill_broker)


@pytest.mark.asan
def test_no_loss_on_database_kill(run: Run) -> None:
    holds_through(run, kill_database)


@pytest.mark.asan
def test_lost_commit_reply_stores_nothing_twice(run: Run) -> None:
    holds_through(run, lose_commit_reply)


@pytest.mark.asan
def test_lost_confirm_stores_nothing_twice(run: Run) -> None:
    holds_through(run, lose_confirm)


@pytest.mark.asan
def test_lost_ack_stores_nothing_twice(run: Run) -> None:
    holds_through(run, lose_ack)


def test_no_loss_when_links_are_cut(run: Run) -> None:
    for fault in LINK_FAULTS:
        run.fault(fault)
    holds_through(run, cut_links)


def test_no_loss_when_servers_freeze(run: Run) -> None:
    run.fault(freeze_broker)
    run.fault(freeze_database)
    run.wait_accepted(200)
    verdict = run.finish()
    assert verdict.ok, str(verdict)


def test_no_loss_when_everything_is_killed_at_once(run: Run) -> None:
    run.fault(kill_everything)
    run.wait_accepted(200)
    verdict = run.finish()
    assert verdict.ok, str(verdict)


def test_nothing_is_dropped_by_restarts_under_load(run: Run) -> None:
    run.fault(restart_producer)
    run.fault(restart_consumer)
    verdict = run.finish()
    assert verdict.ok, str(verdict)


@pytest.mark.asan
def test_no_loss_when_sessions_are_ended_in_the_middle(run: Run) -> None:
    holds_through(run, end_sessions, end_working_sessions, times=1)


def test_no_loss_when_a_worker_stands_still(run: Run) -> None:
    holds_through(run, freeze_worker, times=2)


@pytest.mark.asan
def test_no_loss_when_temporary_schemas_are_dropped(run: Run) -> None:
    holds_through(run, drop_temporary_schemas, times=2)


@pytest.mark.asan
def test_a_repetition_after_another_catalogue_is_no_conflict(run: Run) -> None:
    holds_through(run, reload_catalogue, times=2)


def test_no_loss_when_clocks_are_apart(make_stack: Callable[..., Stack], tmp_path: Path,
                                       seed: int) -> None:
    run = Run(make_stack, tmp_path, seed, clocks=True)
    try:
        run.start()
        holds_through(run, *CLOCK_FAULTS, times=1)
    finally:
        faults = run.close()
    assert not faults, "\n".join(faults) + "\n" + run.stack.logs()
