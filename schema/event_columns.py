#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads event.columns and makes what follows from it.

    event_columns.py headers FOLDER   event_fields.h and event_options.h, at build
    event_columns.py guide            the table of fields in docs/guide.md
"""
import configparser
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

SCHEMA = Path(__file__).resolve().parent
GUIDE = SCHEMA.parent / "docs" / "guide.md"

# kind -> type in SQL, what the guide calls it
KINDS = {"text": ("text", "text"), "severity": ("severity", "level"), "time": ("timestamptz", "time"),
         "tags": ("text[]", "array of texts"), "duration": ("double precision", "number"),
         "boolean": ("boolean", "boolean"), "positive": ("bigint", "whole number from 1"),
         "priority": ("smallint", "0 to 9"), "object": ("jsonb", "object"),
         "uuid": ("uuid", ""), "integer": ("integer", "")}
KEYS = {"about", "kind", "aliases", "aliases_in_seconds", "absent", "option", "emit", "set_by"}
OPTION = re.compile(r"(?:-(?P<letter>[a-z]) )?--(?P<name>[a-z]+) (?P<value>[A-Z=]+)(?:: (?P<help>.+))?")

HEAD = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Made by schema/event_columns.py of schema/event.columns. */
#ifndef {guard}
#define {guard}
"""


@dataclass(frozen=True)
class Option:
    letter: str | None
    name: str
    value: str
    help: str


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    limit: int  # characters of text; 0 where it has no meaning
    about: str
    aliases: list[str]
    aliases_in_seconds: list[str]
    absent: str | None  # what an absent field becomes; None = null
    option: Option | None
    emit: str | None
    set_by: str | None  # None = it is a field

    @property
    def sql_type(self) -> str:
        return KINDS[self.kind][0]

    @property
    def symbol(self) -> str:
        return self.name.upper()


def fail(message: str) -> None:
    raise SystemExit(f"event.columns: {message}")


def option_of(name: str, text: str | None, about: str) -> Option | None:
    if text is None:
        return None
    match = OPTION.fullmatch(text)
    if not match:
        fail(f"{name}: an option is [-LETTER] --NAME VALUE[: HELP], not {text!r}")
    return Option(match["letter"], match["name"], match["value"], match["help"] or about)


def column_of(name: str, said: configparser.SectionProxy) -> Column:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        fail(f"{name}: a column is named in lower case")
    if unknown := set(said) - KEYS:
        fail(f"{name}: what is {unknown.pop()!r}?")
    kind, _, limit = said.get("kind", "").partition(" ")
    if kind not in KINDS or (kind == "text") != limit.isdecimal():
        fail(f"{name}: a kind is text LIMIT or one of {', '.join(KINDS)}, not {said.get('kind')!r}")
    if "about" not in said:
        fail(f"{name}: a line about it is missing")
    if "option" in said and kind in ("object", "tags") and name not in ("payload", "tags"):
        fail(f"{name}: of the objects and tags only payload and tags are made of options")
    aliases, in_seconds = (re.split(", *", said[key]) if key in said else []
                           for key in ("aliases", "aliases_in_seconds"))
    if said.get("emit", name) not in [name, *aliases, *in_seconds]:
        fail(f"{name}: {said['emit']!r} is no name of it")
    return Column(name, kind, int(limit or 0), said["about"], aliases, in_seconds, said.get("absent"),
                  option_of(name, said.get("option"), said["about"]), said.get("emit"),
                  said.get("set_by"))


def read(schema: Path = SCHEMA) -> list[Column]:
    file = configparser.ConfigParser(delimiters="=", comment_prefixes="#", interpolation=None)
    file.read_string((schema / "event.columns").read_text())
    columns = [column_of(name, file[name]) for name in file.sections()]
    names = [n for c in columns for n in [c.name, *c.aliases, *c.aliases_in_seconds]
             if not c.set_by]
    if twice := {n for n in names if names.count(n) > 1}:
        fail(f"{twice.pop()}: the name of two fields")
    return columns


def fields(columns: list[Column]) -> list[Column]:
    return [c for c in columns if not c.set_by]


def row(columns: list[Column]) -> list[Column]:
    """What the consumer sends of an event, in the order of consumer/row.c."""
    return [c for c in columns if c.set_by != "database"]


def in_place(query: str, columns: list[Column]) -> str:
    """The query with its lists of columns."""
    names = "\n".join(textwrap.wrap(", ".join(c.name for c in row(columns)), 90))
    types = ",\n    ".join(f"{c.name} {c.sql_type}" for c in row(columns))
    return query.replace("@row@", names).replace("@row_types@", types)


def c_list(name: str, about: str, rows: list[str]) -> str:
    return f"\n/* {about} */\n#define {name}(X) \\\n" + " \\\n".join(f"    X({r})" for r in rows) + "\n"


def c_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def event_fields_h(columns: list[Column]) -> str:
    found = fields(columns)
    return HEAD.format(guard="HOLDFAST_SCHEMA_EVENT_FIELDS_H") + c_list(
        "EVENT_FIELDS", "symbol, name (JSON and SQL), kind, limit (characters of TEXT; else 0)",
        [f'{c.symbol}, "{c.name}", {c.kind.upper()}, {c.limit}' for c in found]) + c_list(
        "EVENT_ALIASES", "alias, symbol of its field, whether it is in seconds",
        [f'"{alias}", {c.symbol}, {in_seconds}' for c in found
         for aliases, in_seconds in ((c.aliases, "false"), (c.aliases_in_seconds, "true"))
         for alias in aliases]) + c_list(
        "EVENT_EMIT_FIELDS", "name in the data of POST /emit, symbol of its field",
        [f'"{c.emit}", {c.symbol}' for c in found if c.emit]) + "\n#endif\n"


def event_options_h(columns: list[Column]) -> str:
    """Options with a letter come first: they are what is used most."""
    found = sorted((c for c in columns if c.option), key=lambda c: c.option.letter is None)
    return HEAD.format(guard="HOLDFAST_SCHEMA_EVENT_OPTIONS_H") + c_list(
        "EVENT_OPTIONS", "symbol, option, letter, symbol of its field, what the help calls the value, help",
        [", ".join([c.option.name.upper(), c_text(c.option.name),
                    f"'{c.option.letter}'" if c.option.letter else "0", c.symbol,
                    c_text(c.option.value), c_text(c.option.help)]) for c in found]) + "\n#endif\n"


def guide_row(c: Column) -> str:
    also = [f"`{a}`" for a in c.aliases] + [f"`{a}` (in seconds)" for a in c.aliases_in_seconds]
    holds = KINDS[c.kind][1] + (f", {c.limit:,}" if c.limit else "")
    return f"| `{c.name}` | {', '.join(also)} | {holds} | {c.absent or 'null'} | {c.about} |\n"


GUIDE_BEGIN = "<!-- made by schema/event_columns.py guide -->\n"
GUIDE_END = "<!-- end -->\n"


def guide_with_table(guide: str, columns: list[Column]) -> str:
    """The guide with its table of fields as it should be."""
    before, _, rest = guide.partition(GUIDE_BEGIN)
    _, end, behind = rest.partition(GUIDE_END)
    if not end:
        fail("docs/guide.md has no place for the table of fields")
    table = "| field | also called | holds | when absent | |\n|---|---|---|---|---|\n" + \
        "".join(map(guide_row, fields(columns)))
    return before + GUIDE_BEGIN + table + GUIDE_END + behind


def write_headers(folder: Path, columns: list[Column]) -> None:
    (folder / "event_fields.h").write_text(event_fields_h(columns))
    (folder / "event_options.h").write_text(event_options_h(columns))


def main(arguments: list[str]) -> None:
    columns = read()
    match arguments:
        case ["headers", folder]:
            write_headers(Path(folder), columns)
        case ["guide"]:
            GUIDE.write_text(guide_with_table(GUIDE.read_text(), columns))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
