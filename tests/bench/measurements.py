# SPDX-License-Identifier: Apache-2.0
"""What is measured: a list of measurements, each a function that returns its figures by name.

A measurement starts what it needs and takes it away again. Where the target is a ratio to a COPY of
the same rows, the measurement makes both, so that the two stand side by side in time as well.
"""
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import events
import limits
import loads
from limits import Rows
from loads import Figures
from prefill import prefilled
from rig.database import Database
from rig.servers import Servers
from systems import Holdfast, Peer


@dataclass(frozen=True)
class Scale:
    """How long and how much. Batches are accepted several times as fast as they are stored, so that
    seconds of them are a backlog of many more."""
    single_seconds: float
    batch_seconds: float
    limit_seconds: float
    open_seconds: float
    drain_events: int
    prefilled_rows: int
    soak_seconds: float


FULL = Scale(5, 3, 2, 5, 1_000_000, 10_000_000, 60)
LONG = Scale(8, 4, 3, 8, 1_000_000, 10_000_000, 600)
QUICK = Scale(1, 1, 0.3, 1, 20_000, 50_000, 2)


@dataclass
class Bench:
    servers: Servers
    folder: Path
    scale: Scale
    big: Database | None = None

    def holdfast(self, consumers: int = 1, database: Database | None = None,
                 **consumer_env: str) -> Holdfast:
        return Holdfast(self.servers, self.folder, consumers, database, **consumer_env)


@dataclass(frozen=True)
class Measurement:
    name: str
    what: str
    measure: Callable[[Bench], Figures]
    rounds: int = 5  # at most


def singles_holdfast(bench: Bench) -> Figures:
    with bench.holdfast() as system:
        return loads.closed_loop(system, events.singles(), bench.scale.single_seconds)


def singles_peer(name: str) -> Callable[[Bench], Figures]:
    def measure(bench: Bench) -> Figures:
        with Peer(bench.servers, bench.folder, name) as system:
            return loads.closed_loop(system, events.singles(), bench.scale.single_seconds)
    return measure


def bare_http(bench: Bench) -> Figures:
    return limits.http(bench.folder, events.singles(), bench.scale.limit_seconds)


def batches(load: events.Load, copies: tuple[int, ...] = (), consumers: int = 1,
            **consumer_env: str) -> Callable[[Bench], Figures]:
    """copies: the numbers of connections that copy the same rows afterwards."""
    def measure(bench: Bench) -> Figures:
        with bench.holdfast(consumers, **consumer_env) as system:
            figures = loads.closed_loop(system, load, bench.scale.batch_seconds)
            return figures | copied(bench, system, copies)
    return measure


def copied(bench: Bench, system: Holdfast, connections: tuple[int, ...]) -> Figures:
    if not connections:
        return {}
    for process in system.processes():
        process.stop()
    with Rows(system.database, bench.folder) as rows:
        figures = {f"copy_{n}_per_s": rows.copied_per_s(bench.servers, n) for n in connections}
    with Rows(system.database, bench.folder, in_use=True) as rows:
        return figures | {"copy_in_use_per_s": rows.copied_per_s(bench.servers, 1)}


def batches_on_many(load: events.Load) -> Callable[[Bench], Figures]:
    def measure(bench: Bench) -> Figures:
        if bench.big is None:
            bench.big = prefilled(bench.servers, bench.scale.prefilled_rows)
        with bench.holdfast(database=bench.big) as system:
            figures = loads.closed_loop(system, load, bench.scale.batch_seconds)
            # Now, and not by itself in the middle of another measurement.
            system.session.execute("VACUUM (ANALYZE) log_events")
            return figures | {"prefilled_rows": bench.scale.prefilled_rows}
    return measure


def drain(bench: Bench) -> Figures:
    with bench.holdfast() as system:
        figures = loads.drain(system, bench.scale.drain_events)
        return figures | copied(bench, system, (1,))


def open_loop(rate: int) -> Callable[[Bench], Figures]:
    def measure(bench: Bench) -> Figures:
        with bench.holdfast() as system:
            return loads.open_loop(system, rate, bench.scale.open_seconds) | {"rate": rate}
    return measure


def confirms(window: int, events_each: int) -> Callable[[Bench], Figures]:
    def measure(bench: Bench) -> Figures:
        size = len(events.singles().bodies[0]) * events_each
        return limits.confirms(bench.servers, window, size, bench.scale.limit_seconds) | \
            {"events_each": events_each}
    return measure


def inserts(bench: Bench) -> Figures:
    return limits.inserts(bench.servers, bench.scale.limit_seconds)


def soak(bench: Bench) -> Figures:
    with bench.holdfast() as system:
        return loads.soak(system, events.batches(100), bench.scale.soak_seconds,
                          bench.scale.batch_seconds)


MEASUREMENTS = (
    Measurement("single", "single POSTs", singles_holdfast),
    Measurement("single_tuned", "single POSTs, the tuned peer", singles_peer("tuned")),
    Measurement("single_plain", "single POSTs, the plain peer", singles_peer("plain")),
    Measurement("http", "bare evhttp answering 202", bare_http),
    Measurement("batch_100", "batches of 100", batches(events.batches(100), (1, 2))),
    Measurement("batch_1000", "batches of 1,000 (32 connections)", batches(events.batches(1000)), 3),
    Measurement("batch_reviews", "batches of 100, each event of a review session",
                batches(events.batches(100, "review_started")), 2),
    Measurement("batch_mixed", "batches of 100, types of all five systems",
                batches(events.mixed(100), (1,)), 3),
    Measurement("batch_no_feed", "batches of 100, feed off",
                batches(events.batches(100), RABBITMQ_EXCHANGE="")),
    Measurement("batch_2_consumers", "batches of 100, 2 consumers",
                batches(events.batches(100), consumers=2), 3),
    Measurement("batch_4_consumers", "batches of 100, 4 consumers",
                batches(events.batches(100), consumers=4), 3),
    Measurement("batch_on_many", "batches of 100, the table filled before",
                batches_on_many(events.batches(100)), 3),
    Measurement("mixed_on_many", "types of all five systems, the table filled before",
                batches_on_many(events.mixed(100)), 3),
    Measurement("drain", "a backlog, one consumer started on it", drain, 3),
    Measurement("open_100", "100 single POSTs a second", open_loop(100), 3),
    Measurement("open_1000", "1,000 single POSTs a second", open_loop(1000)),
    Measurement("open_5000", "5,000 single POSTs a second", open_loop(5000), 3),
    Measurement("confirm_1", "confirms, window 1, 1 event", confirms(1, 1)),
    Measurement("confirm_1_of_100", "confirms, window 1, 100 events", confirms(1, 100), 3),
    Measurement("confirm_1024", "confirms, window 1,024, 1 event", confirms(1024, 1), 3),
    Measurement("confirm_1024_of_100", "confirms, window 1,024, 100 events", confirms(1024, 100), 3),
    Measurement("insert", "pgbench, one INSERT a transaction, 16 clients", inserts, 3),
    Measurement("soak", "batches of 100 for long", soak, 1),
)
