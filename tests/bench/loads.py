# SPDX-License-Identifier: Apache-2.0
"""The loads. Each puts events into a system, waits until all of them are stored, and returns its
figures, names to numbers.

A load counts only as stored: the rate is the rows that were committed over the time from the first
request until the queue is empty and all rows are there. Accepted but not stored is lost. wrk cannot
say how many requests were under way when it stopped, so up to one a connection may be stored beyond
those it counted; more than that, or an id that is there twice, is duplicated.
"""
import json
import statistics
import subprocess
import time

from client import wrk
from events import Load, batches
from rig.database import SUPERUSER
from rig.process import clean_environment
from rig.stack import build_folder
from rig.wait import wait_for
from systems import Holdfast, System
from usage import Reading, cpu_figures, memory_figures

STORED_WITHIN_S = 300

Figures = dict[str, float]


def tool(name: str) -> str:
    """One of the C programs of this folder."""
    return str(build_folder() / "tests" / "bench" / name)


def pages_written_query(version: int) -> str:
    """By PostgreSQL's server_version: 16 has them by kind of backend, 18 in bytes."""
    if version < 160000:
        return ("SELECT buffers_checkpoint + buffers_clean + buffers_backend AS n "
                "FROM pg_stat_bgwriter")
    count = "writes" if version < 180000 else "write_bytes / 8192"
    return f"SELECT coalesce(sum({count}), 0) AS n FROM pg_stat_io WHERE object = 'relation'"


class Storing:
    """Watches a system from before a load until all of it is stored."""

    def __init__(self, system: System):
        self.system = system
        self.pages = self._pages_written()
        self.before = Reading.take(system.families())
        self.wal = self._ask("SELECT pg_current_wal_lsn() - '0/0' AS n")
        self.begin = time.monotonic()

    def _ask(self, query: str) -> int:
        return int(self.system.session.execute(query).fetchone()["n"])

    def _pages_written(self) -> int:
        """By the whole server, and all that are to be: pages in its memory are written by a
        checkpoint sooner or later. The second one comes when the first is in the statistics."""
        for _ in range(2):
            self.system.session.execute("CHECKPOINT")
        return self._ask(pages_written_query(self.system.session.info.server_version))

    def finish(self, accepted: int, under_way: int) -> Figures:
        """Waits until so many are stored; under_way more may be."""
        system = self.system
        wait_for(f"{system.name}: {accepted} stored",
                 lambda: system.stored() >= accepted and system.empty(), STORED_WITHIN_S, 0.01)
        took = time.monotonic() - self.begin
        after = Reading.take(system.families())
        wal = self._ask("SELECT pg_current_wal_lsn() - '0/0' AS n") - self.wal
        stored, different = self._standing_rows()
        return {"stored_per_s": stored / took, "stored": stored, "accepted": accepted,
                "seconds": took, "lost": max(0, accepted - stored),
                "duplicated": max(0, stored - accepted - under_way) + stored - different,
                "wal_bytes": wal / stored, "rabbitmq_bytes": self.before.written_until(after) / stored,
                "page_bytes": (self._pages_written() - self.pages) * 8192 / stored,
                **cpu_figures(self.before, after, stored), **memory_figures(system.families())}

    def _standing_rows(self) -> tuple[int, int]:
        """Once they stand still: requests under way when the client stopped may add some."""
        def stand_still() -> bool:
            before = self.system.stored()
            time.sleep(0.3)
            return self.system.stored() == before
        wait_for("rows standing still", stand_still, 30)
        return self.system.rows()


def closed_loop(system: System, load: Load, seconds: float) -> Figures:
    storing = Storing(system)
    answered = wrk(system.port, load, seconds)
    figures = storing.finish(answered.accepted, answered.under_way)
    return figures | answered.figures | {
        "bad": answered.bad, "accepted_per_s": answered.accepted / answered.seconds}


def open_loop(system: Holdfast, rate: float, seconds: float) -> Figures:
    """Latencies from the moment a request was due. First to its answer, then, with a session beside
    it that looks every millisecond and takes its share of the processors, until the row is seen."""
    alone = Storing(system)
    answered = _open(system, rate, seconds)
    figures = alone.finish(answered["sent"], 0)
    seen = _watched(system, rate, seconds)
    figures |= {f"answer_{k}_us": v for k, v in answered["latency_us"].items()}
    figures |= {f"client_late_{k}_us": v for k, v in answered["late_us"].items()}
    return figures | _visible(system, seen) | {"bad": answered["bad"]}


def _open(system: Holdfast, rate: float, seconds: float) -> dict:
    """A request that is refused here spoils the measurement."""
    done = subprocess.run([tool("bench_open"), str(system.port), str(rate), str(seconds)],
                          capture_output=True, text=True, check=True, timeout=seconds + 60)
    told = json.loads(done.stdout)
    assert told["bad"] == 0, f"{told['bad']} requests were refused"
    return told


def _watched(system: Holdfast, rate: float, seconds: float) -> str:
    """What the session beside it saw."""
    database, before = system.database, system.stored()
    env = clean_environment(PGHOST=database.host, PGPORT=str(database.port), PGDATABASE=database.name,
                            PGUSER=SUPERUSER, PGPASSWORD=database.server.password)
    with subprocess.Popen([tool("bench_visible")], env=env, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as watcher:
        try:
            sent = _open(system, rate, seconds)["sent"]
            wait_for("all visible", lambda: system.stored() - before >= sent, 30)
            return watcher.communicate(timeout=30)[0]
        finally:
            watcher.kill()


def _visible(system: Holdfast, seen: str) -> Figures:
    *lines, last = seen.splitlines()
    first: dict[str, int] = {}
    for line in lines:
        moment, batch = line.split()
        first.setdefault(batch, int(moment))
    rows = system.session.execute("SELECT batch_id::text AS batch, (payload->>'due_ns')::bigint AS due "
                                  "FROM log_events").fetchall()
    # The first look shows what was there before.
    begin = int(lines[0].split()[0]) if lines else 0
    late = sorted((first[row["batch"]] - row["due"]) / 1e3 for row in rows if row["due"] > begin)
    _, looks, longest = last.split()
    return {"visible_p50_us": statistics.median(late), "visible_p99_us": late[len(late) * 99 // 100],
            "visible_max_us": late[-1], "looks": float(looks),
            "longest_between_looks_us": int(longest) / 1e3}


def fill(system: Holdfast, events: int) -> tuple[int, int]:
    """A backlog of at least so many events; how many were accepted and how many more may be."""
    load, accepted, under_way = batches(100), 0, 0
    while accepted < events:
        answered = wrk(system.port, load, min(5.0, (events - accepted) / 80000))
        accepted += answered.accepted
        under_way += answered.under_way
    return accepted, under_way


def drain(system: Holdfast, events: int) -> Figures:
    """A backlog that one consumer meets when it is started; the time counts from its start."""
    consumer = system.stack.consumer
    consumer.stop()
    accepted, under_way = fill(system, events)
    storing = Storing(system)
    consumer.start()
    return storing.finish(accepted, under_way)


def soak(system: Holdfast, load: Load, seconds: float, slice_seconds: float) -> Figures:
    """A load again and again, each time until all is stored: the memory each time the client stops,
    and how far its last fifth lies above its first."""
    storing = Storing(system)
    begin = time.monotonic()
    marks: list[Figures] = []
    accepted = under_way = 0
    while time.monotonic() < begin + seconds or len(marks) < 2:
        answered = wrk(system.port, load, slice_seconds)
        marks.append(memory_figures(system.families()))
        accepted += answered.accepted
        under_way += answered.under_way
        wait_for("stored", lambda: system.stored() >= accepted, STORED_WITHIN_S, 0.01)
    figures = storing.finish(accepted, under_way)
    fifth = max(1, len(marks) // 5)
    for key in ("rss_mib.producer", "rss_mib.consumer"):
        last = statistics.mean(m[key] for m in marks[-fifth:])
        figures[key.replace("rss_mib", "growth")] = last / statistics.mean(m[key] for m in marks[:fifth])
        figures[key] = last
    return figures | {"soak_s": seconds, "repeated": len(marks)}
