# SPDX-License-Identifier: Apache-2.0
"""A fault that did not happen is a failed fault: each is made where it has no effect."""
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import faults
from clocks import Clock
from faults import (LINK_FAULTS, LOST_ANSWERS, freeze_broker, freeze_consumer, freeze_database,
                    freeze_producer, freeze_worker, kill_consumer, kill_worker, restart_consumer)
from proxy import AMQP, Proxy
from rig.broker import Broker
from rig.stack import Stack
from run import Run
from state_faults import (clocks_apart, drop_temporary_schemas, end_sessions, end_working_sessions,
                          lock_table, memory_alarm, reload_catalogue, upgrade_broker)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "HAPPENS_S", 0.3)
    monkeypatch.setattr(Run, "pause", lambda *_: None)


@pytest.fixture
def run(make_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Run]:
    """Not started, and without a load."""
    made = Run(make_stack, tmp_path, seed=1, consumers=1, producers=1)
    yield made
    made.close()


def fails(run: Run, fault: Callable[[Run], None]) -> None:
    with pytest.raises(AssertionError, match=fault.__name__):
        run.inject(fault)


@pytest.mark.parametrize("fault", (*LINK_FAULTS, *LOST_ANSWERS), ids=lambda f: f.__name__)
def test_on_a_link_that_nobody_uses(fault: Callable[[Run], None]) -> None:
    with Proxy(9, AMQP) as link:
        idle = SimpleNamespace(links=[link], publish_link=link, consume_link=link,
                               database_link=link, dice=random.Random(1), pause=lambda *_: None)
        with pytest.raises(AssertionError):
            fault(idle)


def test_on_processes_that_do_not_run(run: Run) -> None:
    for fault in (kill_consumer, restart_consumer, kill_worker, freeze_worker, freeze_consumer):
        fails(run, fault)


def test_on_processes_that_no_signal_reaches(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.stack.start()
    with monkeypatch.context() as deaf:
        deaf.setattr(faults.os, "kill", lambda *_: None)
        for fault in (freeze_producer, freeze_worker, freeze_consumer, freeze_broker,
                      freeze_database, kill_worker, reload_catalogue):
            fails(run, fault)


def test_on_a_database_without_sessions(run: Run) -> None:
    for fault in (end_sessions, end_working_sessions, drop_temporary_schemas, lock_table):
        fails(run, fault)


def test_on_a_broker_that_takes_no_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broker, "rabbitmqctl", lambda *_, **__: "")
    fails(run, memory_alarm)


def test_on_daemons_with_the_machines_clock(run: Run, tmp_path: Path) -> None:
    run.stack.start()
    run.clocks = {d.name: Clock(tmp_path / d.name) for d in run.stack.daemons}
    fails(run, clocks_apart)


def test_an_upgrade_to_the_same_version(run: Run) -> None:
    run.upgrade_to = Path("/")
    fails(run, upgrade_broker)
