# SPDX-License-Identifier: Apache-2.0
"""A new column, in a copy of the tree: what is missing is named, and two files are enough."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from columns_check import column_faults, event_columns
from source import ROOT

SECTION = """
[region]
about = the region it comes from
kind = text 255
aliases = zone
option = --region NAME
emit = region
"""
MIGRATION = """-- SPDX-License-Identifier: Apache-2.0
SET LOCAL ROLE holdfast_owner;
ALTER TABLE log_events ADD COLUMN region text;
GRANT INSERT (region) ON log_events TO holdfast_writer;
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "guide.md", tmp_path / "docs")
    return tmp_path


def list_region(tree: Path, section: str = SECTION) -> None:
    """In the middle: a column need not be the last."""
    path = tree / "schema" / "event.columns"
    before, queue, after = path.read_text().partition("\n[queue]")
    path.write_text(before + section + queue + after)


def migrate(tree: Path, migration: str = MIGRATION) -> None:
    folder = tree / "schema" / "migrations"
    (folder / f"{len(list(folder.iterdir())) + 1:04}_region.sql").write_text(migration)


def update_guide(tree: Path) -> None:
    subprocess.run([sys.executable, "-B", tree / "schema" / "event_columns.py", "guide"], check=True)


def test_the_tree_as_it_is_has_no_fault() -> None:
    assert column_faults() == []


def test_a_column_without_its_migration_is_named(tree: Path) -> None:
    list_region(tree)
    update_guide(tree)
    assert column_faults(tree) == ["region: no migration adds it to log_events",
                                   "region: no migration has GRANT INSERT of it to holdfast_writer"]


def test_a_migration_without_its_column_is_named(tree: Path) -> None:
    migrate(tree)
    assert column_faults(tree) == [
        "region: a migration adds it to log_events, schema/event.columns does not have it"]


def test_a_table_of_the_guide_that_is_behind_is_named(tree: Path) -> None:
    list_region(tree)
    migrate(tree)
    fault, = column_faults(tree)
    assert fault.startswith("docs/guide.md: ") and "`schema/event_columns.py guide`" in fault
    update_guide(tree)
    assert column_faults(tree) == []
    assert "| `region` | `zone` | text, 255 | null | the region it comes from |\n" in \
        (tree / "docs" / "guide.md").read_text()


@pytest.mark.parametrize("change,fault", [
    (("GRANT INSERT (region)", "GRANT SELECT (region)"), "no migration has GRANT INSERT"),
    (("TO holdfast_writer", "TO holdfast_migrator"), "no migration has GRANT INSERT"),
    (("region text", "region integer"), "log_events has it as integer, it should be text"),
    (("region text", "region text NOT NULL"), "log_events has it as NOT NULL"),
    (("region text", "region text DEFAULT 'eu'"), "log_events has a DEFAULT for it"),
    (("region text", 'region text COLLATE "C"'), None),
    (("ADD COLUMN region text", "ADD COLUMN other text, ADD COLUMN region text"), "other: a migration"),
])
def test_a_migration_that_says_something_else_is_named(
        tree: Path, change: tuple[str, str], fault: str | None) -> None:
    list_region(tree)
    migrate(tree, MIGRATION.replace(*change))
    update_guide(tree)
    faults = column_faults(tree)
    assert [fault is not None and fault in f for f in faults] == [True] * (fault is not None)


def test_a_column_that_may_not_be_null_is_held_against_its_table(tree: Path) -> None:
    list_region(tree, SECTION + "absent = it is refused\n")
    migrate(tree)
    update_guide(tree)
    assert column_faults(tree) == ["region: log_events lets it be null, schema/event.columns does not"]


def test_a_column_the_database_sets_is_not_granted(tree: Path) -> None:
    path = tree / "schema" / "event.columns"
    path.write_text(path.read_text().replace("set_by = consumer", "set_by = database", 1))
    assert column_faults(tree) == [
        "batch_id: GRANT INSERT to holdfast_writer, though the database sets it"]


def test_with_both_the_programs_have_it(tree: Path) -> None:
    list_region(tree)
    migrate(tree)
    made = tree / "made" / "schema"
    made.mkdir(parents=True)
    for command in (["event_columns.py", "headers", made], ["embed.py", tree / "schema", made]):
        subprocess.run([sys.executable, "-B", tree / "schema" / command[0], *command[1:]], check=True)
    fields, options, queries = ((made / name).read_text()
                                for name in ("event_fields.h", "event_options.h", "queries.h"))
    assert 'X(WORKER_ID, "worker_id", TEXT, 255) \\\n    X(REGION, "region", TEXT, 255)' in fields
    assert 'X("zone", REGION, false)' in fields and 'X("region", REGION)' in fields
    assert 'X(REGION, "region", 0, REGION, "NAME", "the region it comes from")' in options
    assert '"region text,\\n"' in queries
    assert len(re.findall(r"\bregion,", queries)) == len(re.findall(r"\bqueue,", queries)) > 0
    for file in ("common/event/event_line.c", "consumer/row.c", "producer/shape.c", "cli/draft.c"):
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                        "-fsyntax-only", f"-I{made.parent}", f"-I{ROOT}", ROOT / file], check=True)


@pytest.mark.parametrize("change", [
    ("kind = text 255", "kind = txt 255"), ("kind = text 255", "kind = text"),
    ("kind = text 255", "kind = object"), ("about = ", "abuot = "), ("aliases = zone", "aliases = id"),
    ("[region]", "[Region]"), ("--region NAME", "region"), ("emit = region", "emmit = region"),
    ("emit = region", "emit = place")])
def test_a_section_that_cannot_be_meant_stops_the_build(tree: Path, change: tuple[str, str]) -> None:
    list_region(tree, SECTION.replace(*change))
    with pytest.raises(SystemExit, match="event.columns: .*(region|Region|id)"):
        event_columns.read(tree / "schema")
