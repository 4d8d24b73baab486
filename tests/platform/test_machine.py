# SPDX-License-Identifier: Apache-2.0
"""A machine leaves nothing behind, however it ends. Its root is this machine's own here."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine import Machine, running
from rig.process import is_alive
from rig.wait import wait_for

HERE = Path(__file__).resolve().parent
LEAVES_ONE = "setsid sleep 600 >/dev/null 2>&1 & echo $!"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a machine")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def sleepers() -> set[int]:
    """All processes of this machine that sleep for 600 seconds."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == b"sleep\0" b"600\0":
                found.add(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_what_runs_in_it_ends_with_it(log: Path) -> None:
    before = sleepers()
    with running(Path("/"), {}) as machine:
        assert machine.shell(LEAVES_ONE, log, 20) == 0
        assert len(sleepers() - before) == 1
    assert sleepers() == before


def test_what_runs_in_it_ends_with_whoever_started_it(log: Path) -> None:
    before = sleepers()
    starter = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from machine import Machine\n"
         "m = Machine(Path('/'), {}); m.start()\n"
         f"m.shell({LEAVES_ONE!r}, Path({str(log)!r}), 20)\n"
         "print('started', flush=True); sys.stdin.read()"],
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    assert starter.stdout and starter.stdout.readline() == b"started\n"
    assert len(sleepers() - before) == 1
    starter.kill()
    starter.communicate()
    wait_for("everything ended", lambda: sleepers() == before, 20)


def test_a_command_that_does_not_end_in_time_ends_all_and_the_machine_goes_on(log: Path) -> None:
    before = sleepers()
    with running(Path("/"), {"NAME": "kept"}) as machine:
        assert machine.shell("sleep 600", log, 1) == 124
        assert sleepers() == before
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
