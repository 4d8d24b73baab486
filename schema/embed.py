#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the SQL files and the catalogue into C.

queries/<name>.sql becomes `#define SQL_<NAME>` in queries.h, with @row@ and @row_types@ in it replaced
by the columns of event.columns, without and with their types; the migrations become a table in
migrations.c with the checksum of each file's bytes; catalog/<family>.json becomes a row of
catalog.c. The depfile names the folders as well as the files, so that a file added or removed is
seen without a line in meson.build.
"""
import hashlib
import pathlib
import re
import sys

import event_columns

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by schema/embed.py. */\n"

MIGRATIONS_H = HEAD + """\
#ifndef HOLDFAST_SCHEMA_MIGRATIONS_H
#define HOLDFAST_SCHEMA_MIGRATIONS_H

#include <stddef.h>

struct schema_migration {
    unsigned version;   /* NNNN of NNNN_name.sql, ascending */
    const char *name;   /* without number and suffix */
    const char *sha256; /* of the file's bytes, 64 hex digits */
    const char *text;
};

extern const struct schema_migration schema_migrations[];
extern const size_t schema_migration_count;

#endif
"""

CATALOG_H = HEAD + """\
#ifndef HOLDFAST_SCHEMA_CATALOG_H
#define HOLDFAST_SCHEMA_CATALOG_H

#include "common/event/catalog.h"

extern const struct catalog_file schema_catalog[];
extern const size_t schema_catalog_count;

#endif
"""

ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t"}


def fail(message):
    sys.exit(f"embed.py: {message}")


def c_string(line):
    if not (line.isprintable() or "\t" in line) or not line.isascii():
        fail(f"only printable ASCII can be embedded: {line!r}")
    # "\?" keeps two question marks from being read as a trigraph.
    return '"' + "".join(ESCAPES.get(c, c) for c in line).replace("??", "?\\?") + '\\n"'


def sql_lines(text):
    """The lines that are not blank and not a comment alone; a comment behind SQL stays, its line ends."""
    return [line.rstrip() for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("--")]


def write_queries(files, columns):
    out = [HEAD, "#ifndef HOLDFAST_SCHEMA_QUERIES_H\n#define HOLDFAST_SCHEMA_QUERIES_H\n\n",
           '#pragma GCC diagnostic ignored "-Woverlength-strings"\n\n']
    for file in files:
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.sql", file.name):
            fail(f"{file}: a query is named in lower case, like insert_events.sql")
        text = event_columns.in_place(file.read_text(), columns)
        lines = [c_string(line.lstrip()) for line in sql_lines(text)]
        if not lines:
            fail(f"{file}: nothing in it")
        body = " \\\n    ".join(lines)
        out.append(f"#define SQL_{file.stem.upper()} \\\n    {body}\n\n")
    out.append("#endif\n")
    return "".join(out)


def write_migrations(files):
    out = [HEAD, '#include "schema/migrations.h"\n\n',
           "const struct schema_migration schema_migrations[] = {\n"]
    for number, file in enumerate(files, 1):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", file.name)
        if not match or int(match[1]) != number:
            fail(f"{file}: migrations are named NNNN_name.sql and numbered 0001, 0002, … without a gap")
        data = file.read_bytes()
        text = "\n     ".join(c_string(line) for line in data.decode().splitlines())
        digest = hashlib.sha256(data).hexdigest()
        out.append(f'    {{{number}, "{match[2]}", "{digest}",\n     {text}}},\n')
    out.append("};\n\nconst size_t schema_migration_count =\n"
               "    sizeof(schema_migrations) / sizeof(schema_migrations[0]);\n")
    return "".join(out)


def write_catalog(files):
    out = [HEAD, '#include "schema/catalog.h"\n\n',
           "#define TEXT(literal) {literal, sizeof(literal) - 1}\n\n",
           "const struct catalog_file schema_catalog[] = {\n"]
    for file in files:
        text = "\n     ".join(c_string(line) for line in file.read_text().splitlines())
        out.append(f'    {{"{file.name}", TEXT(\n     {text})}},\n')
    out.append("};\n\nconst size_t schema_catalog_count = sizeof(schema_catalog) / "
               "sizeof(schema_catalog[0]);\n")
    return "".join(out)


def main():
    if len(sys.argv) != 3:
        fail("usage: embed.py SCHEMA_FOLDER OUTPUT_FOLDER")
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    queries = sorted((source / "queries").glob("*.sql"))
    migrations = sorted((source / "migrations").glob("*.sql"))
    catalog = sorted((source / "catalog").glob("*.json"))
    (target / "queries.h").write_text(write_queries(queries, event_columns.read(source)))
    (target / "migrations.h").write_text(MIGRATIONS_H)
    (target / "migrations.c").write_text(write_migrations(migrations))
    (target / "catalog.h").write_text(CATALOG_H)
    (target / "catalog.c").write_text(write_catalog(catalog))
    inputs = [source / "queries", source / "migrations", source / "catalog", *queries, *migrations,
              *catalog]
    (target / "embed.d").write_text(
        "schema/queries.h: " + " ".join(str(path).replace(" ", "\\ ") for path in inputs) + "\n")


main()
