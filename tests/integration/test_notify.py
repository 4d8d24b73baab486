# SPDX-License-Identifier: Apache-2.0
"""What the daemons tell a service manager: ready, alive, reloading, stopping, and how they are."""
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.manager import Manager, Word
from rig.lone import lone, running
from rig.process import descendants
from rig.stack import Daemon, Stack
from rig.wait import wait_for

# name -> program, workers
KINDS = {"consumer": ("holdfast-consumer", 0), "producer": ("holdfast-producer", 1),
         "workers": ("holdfast-producer", 2)}

INTERVAL_S = 2.0  # of the watchdog; half of it is what a busy machine may be late


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    there = Manager(tmp_path)
    yield there
    there.close()


def lonely(kind: str, folder: Path, env: dict[str, str], **more: str) -> Daemon:
    binary, workers = KINDS[kind]
    return lone(binary, folder, PRODUCER_WORKERS=str(workers or 1), **env, **more)


def add(stack: Stack, kind: str, env: dict[str, str]) -> Daemon:
    _, workers = KINDS[kind]
    return stack.add_producer(workers, env=env) if workers else stack.add_consumer(env=env)


def pings(words: list[Word]) -> list[Word]:
    return [w for w in words if "WATCHDOG=1" in w.text]


@pytest.mark.asan
@pytest.mark.parametrize("kind, abstract", [("consumer", False), ("producer", True),
                                            ("workers", False)])
def test_from_ready_to_stopping(kind: str, abstract: bool, tmp_path: Path,
                                make_stack: Callable[..., Stack]) -> None:
    manager = Manager(tmp_path, abstract)
    daemon = add(make_stack(producers=0, consumers=0, start=False), kind, manager.env())
    daemon.start()
    manager.wait("READY=1")
    assert daemon.is_ready()
    wanted = "2 of 2 workers ready" if kind == "workers" else "ready"
    wait_for(f"the status {wanted}", lambda: f"STATUS={wanted}" in {
        w.text for w in [*manager.words, manager.hear(0.1)] if w})
    daemon.signal(signal.SIGHUP)
    reloading = manager.wait("RELOADING=1")
    assert abs(int(reloading.text.split("MONOTONIC_USEC=")[1]) / 1e6 - time.monotonic()) < 60
    assert "READY=1" in manager.wait("READY=1").text
    pid = daemon.pid
    assert daemon.stop() == 0
    assert "STATUS=stopping" in manager.wait("STOPPING=1").text
    assert {w.pid for w in manager.words} == {pid}, "only the main process may speak"
    assert not pings(manager.words)
    manager.close()


def test_a_broker_that_is_down_at_boot_delays_the_start_and_no_more(tmp_path: Path) -> None:
    """All three at once: each takes its five seconds."""
    told = {}
    begin = time.monotonic()
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        told[kind] = Manager(tmp_path / kind)
    daemons = {kind: lonely(kind, tmp_path, manager.env()) for kind, manager in told.items()}
    with running(daemons["consumer"]), running(daemons["producer"]), running(daemons["workers"]):
        for kind, manager in told.items():
            assert manager.wait("READY=1").at - begin > 4.9, kind
            status = " ".join(w.text for w in manager.words)
            assert ("0 of 2 workers" if kind == "workers" else "not ready: rabbitmq: ") in status
    for manager in told.values():
        manager.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_watchdog_hears_a_ping_each_half_interval_until_a_loop_hangs(
        kind: str, manager: Manager, tmp_path: Path) -> None:
    with running(lonely(kind, tmp_path, manager.env(INTERVAL_S))) as daemon:
        manager.wait("WATCHDOG=1")
        wait_for("the workers", lambda: len(descendants(daemon.pid)) == 2 or kind != "workers")
        heard = [w.at for w in pings(manager.listen(2.5 * INTERVAL_S))]
        assert 3 <= len(heard) <= 10
        assert max(b - a for a, b in zip(heard, heard[1:])) < INTERVAL_S
        hung = descendants(daemon.pid)[1] if kind == "workers" else daemon.pid
        os.kill(hung, signal.SIGSTOP)
        manager.listen(INTERVAL_S)
        assert not pings(manager.listen(INTERVAL_S))
        os.kill(hung, signal.SIGCONT)
        manager.wait("WATCHDOG=1", 5)


def test_a_worker_that_dies_does_not_stop_them(manager: Manager, tmp_path: Path) -> None:
    with running(lonely("workers", tmp_path, manager.env(INTERVAL_S))) as daemon:
        manager.wait("WATCHDOG=1")
        wait_for("the workers", lambda: len(descendants(daemon.pid)) == 2)
        os.kill(descendants(daemon.pid)[0], signal.SIGKILL)
        heard = [w.at for w in pings(manager.listen(2.5 * INTERVAL_S))]
        assert max(b - a for a, b in zip(heard, heard[1:])) < INTERVAL_S


def test_a_watchdog_for_another_process_is_not_ours(manager: Manager, tmp_path: Path) -> None:
    with running(lonely("consumer", tmp_path, manager.env(0.2), WATCHDOG_PID="1")):
        manager.wait("STATUS=")
        assert not pings(manager.listen(1))


def test_a_manager_that_does_not_listen_holds_nothing_up(manager: Manager, tmp_path: Path) -> None:
    """Its queue is soon full of pings; what did not fit is said when there is room."""
    with running(lonely("consumer", tmp_path, manager.env(0.04))) as daemon:
        wait_for("alive", lambda: daemon.get("/livez").status_code == 200)
        end = time.monotonic() + 6.5
        while time.monotonic() < end:
            assert daemon.get("/livez").status_code == 200
            time.sleep(0.2)
        manager.wait("READY=1", 5)


def test_a_manager_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    for name in (str(tmp_path / "nobody"), "relative", "@"):
        with running(lonely("consumer", tmp_path, {"NOTIFY_SOCKET": name})) as daemon:
            wait_for("alive", lambda d=daemon: d.get("/livez").status_code == 200)
        assert "no connection to the service manager" in daemon.log_text()
        daemon.log.unlink()
