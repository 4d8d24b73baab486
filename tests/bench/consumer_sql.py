# SPDX-License-Identifier: Apache-2.0
"""The consumer's own SQL, with its lists of columns in place, as schema/embed.py compiles it in."""
import sys
from pathlib import Path

SCHEMA = Path(__file__).resolve().parents[2] / "schema"
sys.path.insert(0, str(SCHEMA))
import event_columns  # noqa: E402


def row_columns() -> list[str]:
    """All that the consumer sends of an event."""
    return [c.name for c in event_columns.row(event_columns.read())]


def consumer_sql(name: str) -> str:
    text = (SCHEMA / "queries" / f"{name}.sql").read_text()
    return event_columns.in_place(text, event_columns.read())


def copy_events(names: str) -> str:
    """Into these; the consumer names those that a batch has values for."""
    lines = consumer_sql("copy_events").splitlines()
    return "\n".join(x for x in lines if not x.startswith("--")).strip().rstrip(";") % names
