#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gate against PostgreSQL's jsonb and against Python's json, by the million.

Documents are generated and mutated from a seed. Each is judged three times:

- the gate (gate_filter) says the fault, or accepts;
- Python decides by an independent reading of the rules (`judge`): both must agree;
- PostgreSQL stores what the gate accepts, and gives back an equal value; and what the gate refuses
  but jsonb accepts is refused only for what the gate asks on top: duplicates and caps.

    PGHOST=... gate_vs_jsonb.py --documents 1000000 --seed 1 --filter build/.../gate_filter
"""
import argparse
import collections
import decimal
import json
import pathlib
import re
import struct
import subprocess
import sys

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gate_documents import Generator  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPTH, MEMBERS, DIGITS = 32, 256, 150000
BATCH = 20000
# What the gate refuses beyond jsonb.
EXTRA = {"DUPLICATE", "DEPTH", "MEMBERS", "NUMBER_RANGE"}


def faults():
    """The names of enum gate_fault, in order."""
    header = (ROOT / "common/json/gate.h").read_text()
    return re.findall(r"^\s+X\((\w+), \"", header.split("#define GATE_FAULTS")[1], re.M)


# --- the rules, read independently ----------------------------------------------------------------

class Refused(Exception):
    pass


class Judge:
    """Accepts what the gate must: RFC 8259 by Python's json, and the gate's rules on top."""

    def __init__(self):
        self.members = self.digits = 0
        self.decoder = json.JSONDecoder(object_pairs_hook=self.object, parse_float=self.number,
                                        parse_int=self.number, parse_constant=self.constant)

    def object(self, pairs):
        self.members += len(pairs)
        result = dict(pairs)
        if len(result) != len(pairs):
            raise Refused("duplicate")
        for name in result:
            self.check_string(name)
        return result

    @staticmethod
    def constant(text):
        raise Refused(text)

    def number(self, text):
        """Kept as numeric: digits before the point from the first not zero, scale as written."""
        mantissa, _, exponent = text.lstrip("-").lower().partition("e")
        whole, _, fraction = mantissa.partition(".")
        size = int(exponent.lstrip("+-").lstrip("0")[:12] or "0")
        exponent = -size if exponent.startswith("-") else size
        if abs(exponent) > 1073741822:
            raise Refused("exponent")
        value = decimal.Decimal(text)
        before = value.adjusted() + 1 if value else 1
        after = max(0, len(fraction) - exponent)
        if before > 131072 or after > 16383:
            raise Refused("range")
        self.digits += max(1, before) + after
        return value

    @staticmethod
    def check_string(text):
        if "\0" in text:
            raise Refused("NUL")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused("surrogate") from None

    def walk(self, value):
        """Depth and strings, without recursion."""
        stack = [(value, 0)]
        while stack:
            value, depth = stack.pop()
            if isinstance(value, str):
                self.check_string(value)
            elif isinstance(value, (dict, list)):
                if depth == DEPTH:
                    raise Refused("depth")
                inside = value.values() if isinstance(value, dict) else value
                stack.extend((v, depth + 1) for v in inside)

    def read(self, data):
        """The value; Refused or ValueError when it is not one the gate may accept."""
        self.members = self.digits = 0
        text = data.decode("utf-8").strip(" \t\r\n")
        try:
            value = self.decoder.decode(text)
        except RecursionError:
            raise Refused("depth") from None
        self.walk(value)
        if self.members > MEMBERS or self.digits > DIGITS:
            raise Refused("cap")
        return value


def same(a, b):
    """Equal in type and value; True is not 1."""
    stack = [(a, b)]
    while stack:
        a, b = stack.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            stack.extend((a[k], b[k]) for k in a)
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            stack.extend(zip(a, b))
        elif a != b:
            return False
    return True


# --- the three judges over one batch --------------------------------------------------------------

def through_gate(gate_filter, documents, names):
    stdin = b"".join(struct.pack(">I", len(d)) + d for d in documents)
    argv = [gate_filter, str(DEPTH), str(MEMBERS), str(DIGITS)]
    answers = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, check=True).stdout
    assert len(answers) == len(documents), "%d answers for %d" % (len(answers), len(documents))
    return [names[b] for b in answers]


def copy_field(data):
    for raw, escaped in ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t")):
        data = data.replace(raw, escaped)
    return data


def copy_in(cursor, table, rows):
    with cursor.copy("COPY %s FROM STDIN" % table) as copy:
        for n, data, copies in rows:
            copy.write(b"\t".join([str(n).encode()] + [copy_field(data)] * copies) + b"\n")


def store(connection, accepted, mismatch):
    """COPY all; a document PostgreSQL refuses is a mismatch, and is left out of the next try."""
    left = dict(accepted)
    while left:
        order = list(left)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute("TRUNCATE gate_accepted")
                copy_in(cursor, "gate_accepted (n, src, doc)", [(n, left[n], 2) for n in order])
            break
        except psycopg.Error as error:
            line = re.search(r"^COPY gate_accepted, line (\d+)", error.diag.context or "", re.M)
            if not line:
                raise
            n = order[int(line.group(1)) - 1]
            mismatch("accepted by the gate, refused by jsonb (%s)" % error.sqlstate, left.pop(n))
    return left


def check_accepted(connection, judge, accepted, counts, mismatch):
    left = store(connection, accepted, mismatch)
    with connection.cursor() as cursor:
        for n, text in cursor.execute("SELECT n, doc::text FROM gate_accepted"):
            source = left.pop(n)
            try:
                if not same(judge.read(source), read_stored(judge, text)):
                    mismatch("stored, but not equal: %s" % text[:200], source)
            except (Refused, ValueError) as error:
                mismatch("accepted by the gate, refused by the rules (%s)" % error, source)
            counts["stored_equal"] += 1
    for source in left.values():
        mismatch("accepted by the gate, not stored", source)


def read_stored(judge, text):
    """What jsonb prints has no exponents, so the caps do not apply to it."""
    judge.members = judge.digits = 0
    return judge.decoder.decode(text)


def check_refused(connection, judge, refused, counts, mismatch):
    sendable = []
    for n, (data, fault) in refused.items():
        try:
            judge.read(data)
            mismatch("refused by the gate (%s), accepted by the rules" % fault, data)
        except (Refused, ValueError):
            pass
        try:
            if "\0" not in data.decode():
                sendable.append((n, data, 1))
        except ValueError:
            counts["refused_not_text"] += 1
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE gate_refused")
        copy_in(cursor, "gate_refused (n, src)", sendable)
        for (n,) in cursor.execute("SELECT n FROM gate_refused WHERE pg_temp.gate_takes(src)"):
            data, fault = refused[n]
            counts["extra_" + fault] += 1
            if fault not in EXTRA:
                mismatch("refused by the gate (%s), accepted by jsonb" % fault, data)


def prepare(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        assert cursor.fetchone()[0] == "UTF8", "the database must be in UTF-8"
        cursor.execute("""
            SET client_encoding = 'UTF8';
            CREATE TEMP TABLE gate_accepted (n int, src text, doc jsonb);
            CREATE TEMP TABLE gate_refused (n int, src text);
            CREATE FUNCTION pg_temp.gate_takes(t text) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM t::jsonb;
                RETURN true;
            EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
                RETURN false;
            END $$""")


def run(dsn, documents, seed, gate_filter):
    """Judges so many documents. Counts by outcome; `mismatches` (a list of texts) must be empty."""
    generator, judge, names = Generator(seed), Judge(), faults()
    counts, mismatches = collections.Counter(), []

    def mismatch(what, data):
        mismatches.append("%s: %r" % (what, data[:300]))

    with psycopg.connect(dsn, autocommit=True) as connection:
        prepare(connection)
        while counts["documents"] < documents and len(mismatches) < 20:
            size = min(BATCH, documents - counts["documents"])
            batch = [generator.document() for _ in range(size)]
            verdicts = through_gate(gate_filter, batch, names)
            accepted = {n: batch[n] for n, fault in enumerate(verdicts) if fault == "NONE"}
            refused = {n: (batch[n], fault) for n, fault in enumerate(verdicts) if fault != "NONE"}
            counts.update("fault_" + fault for _, fault in refused.values())
            counts["documents"] += len(batch)
            counts["accepted"] += len(accepted)
            check_accepted(connection, judge, accepted, counts, mismatch)
            check_refused(connection, judge, refused, counts, mismatch)
    return {**counts, "mismatches": mismatches}


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--dsn", default="", help="default: the PG* environment")
    options.add_argument("--documents", type=int, default=100000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--filter", default=ROOT / "build/tests/fuzz/differential/gate_filter")
    given = options.parse_args()
    counts = run(given.dsn, given.documents, given.seed, given.filter)
    mismatches = counts.pop("mismatches")
    for name in sorted(counts):
        print("%-28s %9d" % (name, counts[name]))
    for text in mismatches:
        print("MISMATCH", text)
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
