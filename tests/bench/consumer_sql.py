# SPDX-License-Identifier: Apache-2.0
"""The consumer's own SQL, with its lists of columns in place, as schema/embed.py compiles it in."""
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "schema" / "queries"


def columns_of(name: str) -> str:
    lines = (FOLDER / f"{name}.columns").read_text().splitlines()
    return "\n".join(x for x in lines if not x.startswith("--"))


def consumer_sql(name: str) -> str:
    text = (FOLDER / f"{name}.sql").read_text()
    for columns in FOLDER.glob("*.columns"):
        text = text.replace(f"@{columns.stem}@", columns_of(columns.stem))
    return text


def copy_events(columns: str) -> str:
    """Into these; the consumer names those that a batch has values for."""
    lines = consumer_sql("copy_events").splitlines()
    return "\n".join(x for x in lines if not x.startswith("--")).strip().rstrip(";") % columns
