# SPDX-License-Identifier: Apache-2.0
"""The bare limits: what the machine and the servers allow whoever does as little as possible."""
import json
import re
import secrets
import socket
import subprocess
from pathlib import Path

from client import wrk
from consumer_sql import copy_events, row_columns
from events import Load
from loads import Figures, tool
from rig.database import Database, bin_folder
from rig.process import Process, clean_environment
from rig.servers import Servers
from rig.wait import free_port, wait_for
from usage import cpu_seconds

HERE = Path(__file__).resolve().parent
PGBENCH_TPS = re.compile(r"tps = ([\d.]+)")
PGBENCH_LATENCY = re.compile(r"latency average = ([\d.]+) ms")
INSERTING_CLIENTS = 16


def libpq_env(database: Database) -> dict[str, str]:
    return clean_environment(PGHOST=database.host, PGPORT=str(database.port),
                             PGDATABASE=database.name, PGUSER=database.user,
                             PGPASSWORD=database.password or database.server.password)


def http(folder: Path, load: Load, seconds: float) -> Figures:
    """libevent's own server, answering 202 to whatever comes and storing nothing."""
    port = free_port()
    server = Process("bench_http", [tool("bench_http"), str(port)], clean_environment(),
                     folder / "bench_http.log")
    server.start()
    try:
        wait_for("bench_http listening",
                 lambda: socket.create_connection(("127.0.0.1", port)), 10).close()
        before = cpu_seconds([server.pid])
        answered = wrk(port, load, seconds)
        cpu_us = (cpu_seconds([server.pid]) - before) * 1e6 / answered.requests
    finally:
        server.kill9()
    return answered.figures | {"answered_per_s": answered.requests / answered.seconds,
                               "cpu_us.server": cpu_us}


def confirms(servers: Servers, window: int, body_size: int, seconds: float) -> Figures:
    """Persistent messages to a quorum queue, so many unconfirmed at most."""
    vhost = servers.broker.create_vhost()
    try:
        done = subprocess.run([tool("bench_amqp"), str(window), str(body_size), str(seconds)],
                              env=clean_environment(**vhost.env()), capture_output=True, text=True,
                              check=True, timeout=seconds + 60)
    finally:
        vhost.drop()
    return {k: float(v) for k, v in json.loads(done.stdout).items()}


class Rows:
    """Rows that a system has stored, as they are copied into the table: in a file, in binary. All
    columns of them, or only those that any row has a value for."""

    def __init__(self, source: Database, folder: Path, in_use: bool = False, most: int = 1000000):
        names = row_columns()
        if in_use:
            said = ", ".join(f"count(nullif({c}::text, '{{}}')) AS {c}" for c in names)
            row = source.rows(f"SELECT {said} FROM log_events")[0]
            names = [c for c, count in row.items() if count > 0]
        columns = ", ".join(names)
        self.statement = copy_events(columns)
        self.path = folder / f"rows_{secrets.token_hex(3)}"
        query = f"COPY (SELECT {columns} FROM log_events LIMIT {most}) TO STDOUT (FORMAT binary)"
        with source.connect() as session, session.cursor().copy(query) as out, \
                open(self.path, "wb") as file:
            for block in out:
                file.write(block)

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink()

    def copied_per_s(self, servers: Servers, connections: int, rows_at_once: int = 0) -> float:
        """Into the same table of a fresh database; rows_at_once a transaction, 0: all in one."""
        target = servers.create_database(f"copy_{secrets.token_hex(3)}")
        try:
            with target.connect() as session:
                session.execute("CHECKPOINT")
            done = subprocess.run([tool("bench_copy"), str(self.path), self.statement,
                                   str(connections), str(rows_at_once)], env=libpq_env(target),
                                  capture_output=True, text=True, check=True, timeout=300)
            told = json.loads(done.stdout)
            found = target.value("SELECT count(*) FROM log_events")
            assert found == told["rows"], f"{told['rows']} rows copied, {found} found"
        finally:
            target.drop()
        return told["rows"] / told["seconds"]


def inserts(servers: Servers, seconds: float) -> Figures:
    """pgbench: one row a statement and a transaction, into the same table."""
    target = servers.create_database(f"insert_{secrets.token_hex(3)}")
    try:
        done = subprocess.run(
            [str(bin_folder() / "pgbench"), "-n", "-M", "prepared", "-f", str(HERE / "insert.sql"),
             "-c", str(INSERTING_CLIENTS), "-j1", f"-T{max(1, round(seconds))}"],
            env=libpq_env(target), capture_output=True, text=True, check=True, timeout=seconds + 60)
    finally:
        target.drop()
    tps, latency = PGBENCH_TPS.search(done.stdout), PGBENCH_LATENCY.search(done.stdout)
    assert tps and latency, done.stdout
    return {"inserted_per_s": float(tps.group(1)), "mean_us": float(latency.group(1)) * 1000,
            "clients": INSERTING_CLIENTS}
