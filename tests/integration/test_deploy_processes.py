# SPDX-License-Identifier: Apache-2.0
"""How deploy/up and deploy/down start, find and stop processes: what is called stopped is gone, and
nobody else's process is touched."""
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.process import clean_environment, run
from rig.stack import SOURCE
from rig.wait import wait_for

IGNORES = "trap '' TERM; echo $$ >pids; sleep 1000"
LEAVES_A_CHILD = "sleep 1000 & echo $! >pids"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    for name in ("run", "log", "rabbitmq", "postgresql"):
        (tmp_path / name).mkdir()
    yield tmp_path
    for pid in pids(tmp_path):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def call(state: Path, commands: str) -> subprocess.CompletedProcess:
    return run(["bash", "-c", f". {SOURCE}/deploy/lib.sh; cd {state}; {commands}"],
               clean_environment(HOLDFAST_STATE=str(state)), 60)


def down(state: Path, *options: str) -> subprocess.CompletedProcess:
    return run([str(SOURCE / "deploy/down"), *options],
               clean_environment(HOLDFAST_STATE=str(state)), 120)


def spawn(state: Path, script: str) -> int:
    """The pid of interest, which the script writes down."""
    (state / "script").write_text(script)
    done = call(state, "spawn thing '' bash script")
    assert done.returncode == 0, done.stderr
    return wait_for("its pid", lambda: pids(state), 10)[-1]


def pids(state: Path) -> list[int]:
    path = state / "pids"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_what_does_not_stop_when_asked_is_killed(state: Path) -> None:
    pid = spawn(state, IGNORES)
    done = call(state, "stop thing TERM 1; echo down")
    assert "did not stop within 1 s; killing it" in done.stdout and "down" in done.stdout
    assert not is_alive(pid) and not (state / "run/thing.pid").exists()


def test_what_stands_still_is_killed(state: Path) -> None:
    pid = spawn(state, "echo $$ >pids; exec sleep 1000")
    os.kill(pid, signal.SIGSTOP)
    call(state, "stop thing TERM 1")
    assert not is_alive(pid)


def test_one_that_has_no_session_of_its_own_yet_is_running(state: Path) -> None:
    done = call(state, "sleep 1000 & remember thing $!; running thing; echo $?; kill $!")
    assert done.stdout == "0\n", done.stderr


def test_a_child_that_outlives_its_parent_is_found_and_stopped(state: Path) -> None:
    pid = spawn(state, LEAVES_A_CHILD)
    assert call(state, "running thing").returncode == 0
    call(state, "stop thing")
    assert not is_alive(pid)


def test_a_killed_parents_child_that_ignores_is_killed(state: Path) -> None:
    (state / "child").write_text(IGNORES)
    pid = spawn(state, "bash child & wait")
    leader = int((state / "run/thing.pid").read_text().split()[0])
    assert leader != pid
    os.kill(leader, signal.SIGKILL)
    wait_for("its end", lambda: not is_alive(leader), 10)
    call(state, "stop thing TERM 1")
    assert not is_alive(pid)


def test_the_parent_alone_is_asked(state: Path) -> None:
    """A child that is asked as well may be missed by its parent: RabbitMQ dumps core then."""
    child = "trap 'echo asked >asked; exit' TERM; echo $$ >pids; while :; do sleep 0.1; done"
    (state / "child").write_text(child)
    spawn(state, "trap 'kill -KILL $(cat pids); exit' TERM; bash child & wait; wait")
    call(state, "stop thing")
    assert not (state / "asked").exists() and not is_alive(pids(state)[0])


def test_what_cannot_be_killed_is_not_called_stopped(state: Path) -> None:
    pid = spawn(state, IGNORES)
    done = call(state, "kill() { :; }; await_end() { return 1; }; stop thing TERM 1; echo down")
    assert done.returncode == 1 and f"thing still runs, pids {pid}" in done.stderr
    assert "down" not in done.stdout and (state / "run/thing.pid").exists()


@pytest.mark.parametrize("start,boot", [("1", ""), ("", "another"), ("1", "another")])
def test_a_pid_that_is_anothers_by_now_is_left_alone(start: str, boot: str, state: Path) -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as other:
        try:
            real = Path(f"/proc/{other.pid}/stat").read_text().split()[21]
            (state / "run/thing.pid").write_text(f"{other.pid} {start or real} {boot}\n")
            assert call(state, "stop thing; running thing").returncode == 1
            assert other.poll() is None
        finally:
            other.kill()


def test_a_file_of_an_older_release_is_understood(state: Path) -> None:
    """It had no boot in it."""
    pid = spawn(state, "echo $$ >pids; exec sleep 1000")
    path = state / "run/thing.pid"
    path.write_text(" ".join(path.read_text().split()[:2]) + "\n")
    call(state, "stop thing")
    assert not is_alive(pid)


@pytest.mark.parametrize("folder", ["rabbitmq", "postgresql"])
def test_data_is_not_purged_under_a_server_that_nobody_remembers(folder: str, state: Path) -> None:
    with subprocess.Popen(["sleep", "1000"], cwd=state / folder) as stray:
        try:
            done = down(state, "--purge")
            assert done.returncode == 1 and f"process {stray.pid} works in" in done.stderr
            assert "Holdfast is down" not in done.stdout and (state / folder).is_dir()
        finally:
            stray.kill()
    assert "Holdfast is down" in down(state, "--purge").stdout
    assert not state.exists()
    state.mkdir()


def test_down_ends_a_broker_whose_starter_is_gone(state: Path) -> None:
    """The shape that older releases started: a script that waits for the server."""
    (state / "child").write_text(IGNORES)
    pid = spawn(state, "bash child & wait")
    (state / "run/thing.pid").rename(state / "run/rabbitmq.pid")
    os.kill(int((state / "run/rabbitmq.pid").read_text().split()[0]), signal.SIGKILL)
    begin = time.monotonic()
    assert "Holdfast is down" in down(state).stdout
    assert not is_alive(pid) and time.monotonic() - begin < 60


def test_a_command_that_hangs_is_ended_and_names_its_log(state: Path) -> None:
    done = call(state, 'attempt 1 "the thing" "$state/log/thing.log" "" sh -c "echo said; exec sleep 100"')
    assert done.returncode == 1
    assert f"the thing did not end within 1 s; see {state}/log/thing.log" in done.stderr
    assert (state / "log/thing.log").read_text() == "said\n"
    done = call(state, 'attempt 9 "the thing" "$state/log/thing.log" "" false')
    assert "the thing failed with status 1; see" in done.stderr
