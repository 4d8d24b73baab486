# SPDX-License-Identifier: Apache-2.0
"""The wall clock one daemon sees, by libfaketime: wrong from the start, and set while it runs.
Monotonic time is left alone, as it is when a real machine's clock is set."""
from pathlib import Path


def _library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "faketime is not installed"
    return str(found[0])


class Clock:
    """Lend env to one daemon."""

    def __init__(self, file: Path, offset: str = "+0"):
        self._file = file
        self.set(offset)

    def set(self, offset: str) -> None:
        """"+2d", "-40d", "+0": beside this machine's. Seen at the next look at the clock."""
        part = self._file.with_suffix(".part")
        part.write_text(offset + "\n")
        part.rename(self._file)

    @property
    def env(self) -> dict[str, str]:
        return {"LD_PRELOAD": _library(), "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_RESET": "1"}
