# SPDX-License-Identifier: Apache-2.0
"""The consumer's own SQL, with its lists of columns in place, as schema/embed.py compiles it in, and
all of a row's columns where the consumer names those in use."""
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "schema" / "queries"


def consumer_sql(name: str) -> str:
    text = (FOLDER / f"{name}.sql").read_text().replace("(%s)", "(@row@)")
    for columns in FOLDER.glob("*.columns"):
        lines = [x for x in columns.read_text().splitlines() if not x.startswith("--")]
        text = text.replace(f"@{columns.stem}@", "\n".join(lines))
    return text
