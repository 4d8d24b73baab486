# SPDX-License-Identifier: Apache-2.0
"""A machine leaves nothing behind, however it ends. Its root is this machine's own here."""
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from machine import Machine, running
from rig.wait import wait_for

HERE = Path(__file__).resolve().parent

pytestmark = pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0,
    reason="only root can make a machine, and none inside of another")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def nap() -> str:
    """How many seconds a test's own processes sleep; nobody else's sleep as long."""
    return str(random.SystemRandom().randrange(10**6, 10**9))


def leave_one(nap: str) -> str:
    return f"setsid sleep {nap} >/dev/null 2>&1 & echo $!"


def sleepers(nap: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == f"sleep\0{nap}\0".encode():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_what_runs_in_it_ends_with_it(nap: str, log: Path) -> None:
    with running(Path("/"), {}) as machine:
        assert machine.shell(leave_one(nap), log, 20) == 0
        wait_for("the sleeper", lambda: sleepers(nap), 20)
    assert not sleepers(nap)


def test_what_runs_in_it_ends_with_whoever_started_it(nap: str, log: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from machine import Machine\n"
         "m = Machine(Path('/'), {}); m.start()\n"
         f"m.shell({leave_one(nap)!r}, Path({str(log)!r}), 20)\n"
         "print('started', flush=True); sys.stdin.read()"],
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    assert starter.stdout and starter.stdout.readline() == b"started\n"
    wait_for("the sleeper", lambda: sleepers(nap), 20)
    starter.kill()
    starter.communicate()
    wait_for("everything ended", lambda: not sleepers(nap), 20)


def test_a_command_that_does_not_end_in_time_ends_all_and_the_machine_goes_on(
        nap: str, log: Path) -> None:
    with running(Path("/"), {"NAME": "kept"}) as machine:
        assert machine.shell(f"sleep {nap}", log, 1) == 124
        assert not sleepers(nap)
        assert machine.shell('test "$NAME" = kept', log, 20) == 0
    assert "not finished within 1 s" in log.read_text()


def test_its_mounts_and_its_name_are_its_own(log: Path) -> None:
    mounts, name = Path("/proc/mounts").read_text(), os.uname().nodename
    with running(Path("/"), {}) as machine:
        assert machine.shell("test $(hostname) = newcomer && mount -t tmpfs own /mnt", log, 20) == 0
        assert Path("/proc/mounts").read_text() == mounts and os.uname().nodename == name


def test_the_status_of_a_command_is_told(log: Path) -> None:
    with running(Path("/"), {}) as machine:
        assert machine.shell("exit 3", log, 20) == 3
        assert machine.shell("kill -9 $$", log, 20) not in (0, 124)


def test_a_root_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "nothing", {})
    with pytest.raises(AssertionError, match="does not start"):
        machine.start()
    machine.stop()
