# SPDX-License-Identifier: Apache-2.0
"""What a broker says about its own failures: the reports at error level in its log, crash reports
included, from a mark on. A report is what has one time, level and process; what it says is cut to
what a failing test can show.
"""
import re
from itertools import groupby
from pathlib import Path

LEVEL = re.compile(r"(\S+ \S+ \[(?:error|critical|alert|emergency)\] \S+) ?(.*)")
# The answer to whoever looks for a queue that is not there yet.
NO_FAULT = re.compile(r"caused a channel exception not_found")
REPORTS, LINES, COLUMNS = 12, 25, 200


class BrokerLog:
    def __init__(self, folder: Path):
        self.folder = folder

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    def text(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self._files())

    def tail(self, lines: int) -> str:
        return "".join("\n".join(path.read_text(errors="replace").splitlines()[-lines:])
                       for path in self._files())

    def mark(self) -> dict[Path, int]:
        """How long it is now."""
        return {path: path.stat().st_size for path in self._files()}

    def errors(self, mark: dict[Path, int]) -> str:
        """The reports since the mark: the first ones and the last one, if there are many."""
        found: list[str] = []
        for path in self._files():
            with open(path, "rb") as f:
                f.seek(mark.get(path, 0))
                found += reports(f.read().decode(errors="replace"))
        if len(found) > REPORTS:
            left_out = len(found) - REPORTS
            found[REPORTS - 1:-1] = [f"… {left_out} more reports"]
        return "\n".join(found)


def reports(text: str) -> list[str]:
    lines = [match.groups() for match in map(LEVEL.match, text.splitlines()) if match]
    found = []
    for head, group in groupby(lines, key=lambda line: line[0]):
        said = [line[1] for line in group]
        if not any(map(NO_FAULT.search, said)):
            cut = [f"… {len(said) - LINES} more lines"] if len(said) > LINES else []
            found.append("\n    ".join([head] + [x[:COLUMNS] for x in said[:LINES]] + cut))
    return found
