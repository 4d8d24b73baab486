# SPDX-License-Identifier: Apache-2.0
"""A wall clock of a daemon's own, set while it runs, by libfaketime; the monotonic clock is left
alone. What the library shares between processes is left in /dev/shm by one that is killed."""
import os
from pathlib import Path

from rig.process import is_alive

SHARED = Path("/dev/shm")


def library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is not installed (package faketime)"
    return str(found[0])


class Clock:
    def __init__(self, file: Path):
        self._file = file
        self.set(0)

    def env(self) -> dict[str, str]:
        return {"LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1"}

    def set(self, ahead_s: int) -> None:
        """Within a second. Replaced as a whole, for it may be read at any moment."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead_s:+d}\n")
        os.replace(new, self._file)


def sweep() -> None:
    for path in SHARED.glob("*faketime_s*_*"):
        pid = path.name.rpartition("_")[2]
        if pid.isdigit() and not is_alive(int(pid)):
            path.unlink(missing_ok=True)
