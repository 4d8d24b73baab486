#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ways to store a batch, measured: rows a second into log_events with all its indexes, fsync on.

The rows are made before the clock starts; the client only hands prepared bytes to libpq, so what is
measured is the server and the way to it. Each figure is the median of three runs, each into a fresh
database. Usage: bench_writer.py [rows] [rows of a batch]
"""
import os
import statistics
import struct
import sys
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from psycopg import pq  # noqa: E402

from consumer_sql import consumer_sql, copy_events, row_columns  # noqa: E402
from rig.servers import Servers  # noqa: E402

EPOCH_2000 = 946684800
RUNS = 3
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
ELEMENT_OIDS = {"uuid": 2950, "timestamptz": 1184, "text": 25, "bigint": 20, "smallint": 21,
                "integer": 23, "boolean": 16, "double precision": 701, "jsonb": 3802}


def value_of(column: str, number: int, batch: bytes, position: int) -> bytes | None:
    now = struct.pack(">q", int((time.time() - EPOCH_2000) * 1e6))
    milliseconds = int(time.time() * 1000)
    fixed = {
        "id": milliseconds.to_bytes(6, "big") + struct.pack(">HQ", 0x7000 | number & 0xfff,
                                                            1 << 63 | number),
        "received_at": now, "occurred_at": now, "event_id": str(uuid.uuid4()).encode(),
        "event_type": b"stage_completed", "severity": b"info", "system": b"bench",
        "service": b"worker", "title": b"A stage was completed", "success": b"\1",
        "duration_ms": struct.pack(">d", 12.5), "session_id": struct.pack(">q", number % 997 + 1),
        "routing_key": b"events.stage_completed", "priority": struct.pack(">h", 5),
        "payload": b'\1{"n":%d,"items":[1,2,3],"text":"%s"}' % (number, b"x" * 80),
        "state": b"\1{}", "metadata": b"\1{}", "batch_id": batch,
        "position": struct.pack(">i", position)}
    return fixed.get(column)


def field(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value


class Batch:
    """The same rows as a binary stream, as the stream's text, and as an array a column."""

    def __init__(self, columns: list[tuple[str, str]], first: int, size: int):
        batch = uuid.uuid4().bytes
        rows = [[value_of(name, first + i, batch, i) for name, _ in columns] for i in range(size)]
        self.binary = HEADER + b"".join(
            struct.pack(">H", len(columns)) + b"".join(map(field, row)) for row in rows) + TRAILER
        self.text = b""
        self.arrays = [self._array(kind, [row[i] for row in rows])
                       for i, (_, kind) in enumerate(columns)]

    @staticmethod
    def _array(kind: str, values: list[bytes | None]) -> bytes:
        # A label or a list of tags travels as text; the statement casts it.
        head = struct.pack(">IIIII", 1, 1, ELEMENT_OIDS.get(kind, 25), len(values), 1)
        return head + b"".join(map(field, values))


class Session:
    def __init__(self, database, columns: list[tuple[str, str]]):
        self.connection = database.connect()
        self.raw = self.connection.pgconn
        names = ", ".join(name for name, _ in columns)
        kinds = [kind if kind in ELEMENT_OIDS else "text" for _, kind in columns]
        casts = ", ".join(name if kind in ELEMENT_OIDS else f"{name}::{kind}"
                          for name, kind in columns)
        arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(kinds, 1))
        self.copy_text_sql = f"COPY log_events ({names}) FROM STDIN"
        self.copy_binary_sql = copy_events(", ".join(row_columns()))
        self.copy_again_sql = consumer_sql("copy_again")
        self.run(consumer_sql("stage"))
        self.raw.prepare(b"unnest", f"INSERT INTO log_events ({names}) SELECT {casts} FROM "
                         f"unnest({arrays}) AS u ({names}) ON CONFLICT DO NOTHING".encode())

    def run(self, sql: str) -> None:
        self.check(self.raw.exec_(sql.encode()))

    @staticmethod
    def check(result) -> None:
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK,
                                 pq.ExecStatus.COPY_IN):
            raise RuntimeError(result.error_message.decode())

    def copy(self, sql: str, data: bytes) -> None:
        self.raw.send_query(sql.encode())
        self.check(self.raw.get_result())
        for at in range(0, len(data), 65536):
            self.raw.put_copy_data(data[at:at + 65536])
        self.raw.put_copy_end()
        while (result := self.raw.get_result()) is not None:
            self.check(result)

    def copy_binary(self, batch: Batch) -> None:
        self.copy(self.copy_binary_sql, batch.binary)

    def copy_text(self, batch: Batch) -> None:
        self.copy(self.copy_text_sql, batch.text)

    def copy_stage(self, batch: Batch) -> None:
        self.copy(self.copy_again_sql, batch.binary)

    def unnest(self, batch: Batch) -> None:
        formats = [pq.Format.BINARY] * len(batch.arrays)
        self.check(self.raw.exec_prepared(b"unnest", batch.arrays, formats))

    def store(self, way, batches: list[Batch]) -> None:
        for batch in batches:
            self.run("BEGIN")
            way(self, batch)
            self.run("COMMIT")


WAYS = {"COPY binary": Session.copy_binary, "COPY text": Session.copy_text,
        "COPY to stage, INSERT": Session.copy_stage, "INSERT from unnest": Session.unnest}


def columns_of(database) -> list[tuple[str, str]]:
    with database.connect() as c:
        rows = c.execute(
            "SELECT attname AS name, replace(format_type(atttypid, NULL), 'timestamp with time "
            "zone', 'timestamptz') AS kind FROM pg_attribute WHERE attrelid = "
            "'log_events'::regclass AND attnum > 0 AND attname <> 'stored_at' ORDER BY attnum")
        return [(row["name"], row["kind"]) for row in rows]


def add_texts(database, columns: list[tuple[str, str]], batches: list[Batch]) -> None:
    """PostgreSQL says how the rows look as text."""
    session = Session(database, columns)
    names = ", ".join(name for name, _ in columns)
    for batch in batches:
        session.run("BEGIN")
        session.copy(session.copy_again_sql.split("INSERT")[0], batch.binary)
        with session.connection.cursor().copy(f"COPY stage ({names}) TO STDOUT") as copy:
            batch.text = b"".join(copy)
        session.run("COMMIT")
    session.connection.close()


def measure(database, columns, way, batches: list[Batch], writers: int) -> float:
    sessions = [Session(database, columns) for _ in range(writers)]
    threads = [threading.Thread(target=s.store, args=(way, batches[i::writers]))
               for i, s in enumerate(sessions)]
    sessions[0].run("CHECKPOINT")
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    rows = sessions[0].connection.execute("SELECT count(*) AS n FROM log_events").fetchone()["n"]
    for session in sessions:
        session.connection.close()
    return rows / seconds


def main() -> None:
    total, size = (int(a) for a in (sys.argv[1:] + ["100000", "2000"][len(sys.argv) - 1:])[:2])
    with Servers() as servers:
        scratch = servers.create_database("scratch")
        columns = columns_of(scratch)
        batches = [Batch(columns, first, size) for first in range(0, total, size)]
        add_texts(scratch, columns, batches)
        print(f"{total} rows, {size} a transaction, {os.cpu_count()} processors, rows/s:")
        for name, way in WAYS.items():
            for writers in (1, 2):
                rates = []
                for run in range(RUNS):
                    database = servers.create_database(f"b{abs(hash((name, writers, run)))}")
                    rates.append(measure(database, columns, way, batches, writers))
                print(f"{name:24} {writers} writer{'s' * (writers > 1):1}  "
                      f"{statistics.median(rates):8.0f}  ({min(rates):.0f} to {max(rates):.0f})",
                      flush=True)


if __name__ == "__main__":
    main()
