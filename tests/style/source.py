# SPDX-License-Identifier: Apache-2.0
"""The source as the style checks see it: which files there are, C without comments and strings,
functions with their lengths."""
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN = re.compile(r"""
    (?P<comment> /\*.*?\*/ | //[^\n]* )
  | (?P<string> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
""", re.DOTALL | re.VERBOSE)


def files(*patterns: str) -> list[str]:
    """Tracked files and new ones that are not ignored, relative to the top."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
                         cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in out.splitlines() if (ROOT / name).is_file()]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def code_of(text: str) -> str:
    """C with comments and the insides of strings blanked, lines kept."""
    def blank(match: re.Match) -> str:
        inside = re.sub(r"[^\n]", " ", match.group(0))
        return inside if match.group("comment") else '"' + inside[1:-1] + '"'
    return TOKEN.sub(blank, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


@dataclass(frozen=True)
class Function:
    path: str
    name: str
    lines: int


def functions(names: list[str]) -> list[Function]:
    if not names:
        return []
    out = subprocess.run(["ctags", "--output-format=json", "--c-kinds=f", "--fields=+ne",
                          "-f", "-", *names], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for line in out.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            found.append(Function(tag["path"], tag["name"], tag["end"] - tag["line"] + 1))
    return found
