# SPDX-License-Identifier: Apache-2.0
"""schema/event.columns beside what is written by hand, the migrations, and what is kept with the
sources, the table in docs/guide.md. Each fault begins with the column or the file it is in.

Of the migrations it reads CREATE TABLE log_events, ALTER TABLE log_events ADD COLUMN and GRANT INSERT."""
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from source import ROOT

sys.path.insert(0, str(ROOT / "schema"))
import event_columns  # noqa: E402
from event_columns import Column  # noqa: E402

TABLE = re.compile(r"CREATE TABLE log_events \((.*)\) PARTITION BY", re.IGNORECASE)
ALTER = re.compile(r"ALTER TABLE log_events (.*)", re.IGNORECASE)
ADD = re.compile(r"ADD COLUMN (.*)", re.IGNORECASE)
GRANT = re.compile(r"GRANT (.*) ON log_events TO .*\bholdfast_writer\b", re.IGNORECASE)
INSERT = re.compile(r"INSERT \(([^)]*)\)", re.IGNORECASE)
DEFINITION = re.compile(r"(\w+) (.+?)((?: COLLATE| NOT NULL| NULL| DEFAULT| CHECK| CONSTRAINT).*)?",
                        re.IGNORECASE)
OF_THE_TABLE = re.compile(r"(PRIMARY|CONSTRAINT|UNIQUE|CHECK|FOREIGN|EXCLUDE) ", re.IGNORECASE)


def statements(migrations: Path) -> Iterator[str]:
    """Each on one line, without comments and the bodies of functions."""
    for file in sorted(migrations.glob("*.sql")):
        text = re.sub(r"--[^\n]*|\$\$.*?\$\$", "", file.read_text(), flags=re.DOTALL)
        yield from (" ".join(statement.split()) for statement in text.split(";"))


def parts(text: str) -> list[str]:
    """Apart at the commas outside of parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text)]


def definitions(statement: str) -> Iterator[str]:
    if table := TABLE.match(statement):
        yield from (part for part in parts(table[1]) if not OF_THE_TABLE.match(part))
    elif change := ALTER.match(statement):
        yield from (added[1] for part in parts(change[1]) if (added := ADD.match(part)))


def granted(statement: str) -> Iterator[str]:
    if grant := GRANT.match(statement):
        yield from (name for insert in INSERT.finditer(grant[1]) for name in parts(insert[1]))


def type_faults(column: Column, found: re.Match) -> Iterator[str]:
    sql_type, rest = found[2], (found[3] or "").upper()
    if sql_type != column.sql_type:
        yield f"log_events has it as {sql_type}, it should be {column.sql_type}"
    is_always_there = bool(column.set_by or column.absent)
    if is_always_there and "NOT NULL" not in rest:
        yield "log_events lets it be null, schema/event.columns does not"
    if not is_always_there and "NOT NULL" in rest:
        yield "log_events has it as NOT NULL, but an event may be without it"
    if not is_always_there and "DEFAULT" in rest:
        yield "log_events has a DEFAULT for it, but what is absent is stored as null"


def migration_faults(listed: list[Column], migrations: Path) -> Iterator[str]:
    all_statements = list(statements(migrations))
    found = {match[1]: match for statement in all_statements for text in definitions(statement)
             if (match := DEFINITION.fullmatch(text))}
    may_insert = {name for statement in all_statements for name in granted(statement)}
    for column in listed:
        if column.name in found:
            yield from (f"{column.name}: {fault}" for fault in type_faults(column, found[column.name]))
        else:
            yield f"{column.name}: no migration adds it to log_events"
        if column.set_by == "database" and column.name in may_insert:
            yield f"{column.name}: GRANT INSERT to holdfast_writer, though the database sets it"
        if column.set_by != "database" and column.name not in may_insert:
            yield f"{column.name}: no migration has GRANT INSERT of it to holdfast_writer"
    for name in found.keys() - {column.name for column in listed}:
        yield f"{name}: a migration adds it to log_events, schema/event.columns does not have it"


def column_faults(root: Path = ROOT) -> list[str]:
    listed = event_columns.read(root / "schema")
    faults = list(migration_faults(listed, root / "schema" / "migrations"))
    guide = (root / "docs" / "guide.md").read_text()
    if event_columns.guide_with_table(guide, listed) != guide:
        faults.append("docs/guide.md: its table of fields is not that of schema/event.columns; "
                      "`schema/event_columns.py guide` writes it anew")
    return faults
