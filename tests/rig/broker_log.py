# SPDX-License-Identifier: Apache-2.0
"""What a broker says about its own failures: the reports at error level in its log, crash reports
included, from a mark on. A report is what has one time, level and process; what it says is cut to
what a failing test can show.
"""
import re
from itertools import groupby
from pathlib import Path

LEVEL = re.compile(r"(\S+ \S+ \[(?:error|critical|alert|emergency)\] \S+) ?(.*)")
# Of a connection that ended: level, and its name.
CLOSED = re.compile(r"\[(\w+)\] \S+ closing AMQP connection .* - ([^,]+), vhost: '([^']*)'")
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

    def closings(self, mark: dict[Path, int], vhost: str) -> list[tuple[str, str]]:
        """Name of each connection that ended since the mark, and the level that was worth: `info`
        of those that said goodbye, `warning` of those that were just gone."""
        return [(name, level) for text in self._since(mark)
                for level, name, where in CLOSED.findall(text) if where == vhost]

    def _since(self, mark: dict[Path, int]) -> list[str]:
        return [path.read_bytes()[mark.get(path, 0):].decode(errors="replace")
                for path in self._files()]

    def errors(self, mark: dict[Path, int]) -> str:
        """The reports since the mark: the first ones and the last one, if there are many."""
        found: list[str] = []
        for text in self._since(mark):
            found += reports(text)
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
