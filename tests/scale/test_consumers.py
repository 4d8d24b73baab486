# SPDX-License-Identifier: Apache-2.0
"""More consumers never store less. On one machine they share its cores with the broker and the
database, so the figures say whose time it was; rounds are interleaved, because neighbours on the
machine are the largest noise."""
import os
import statistics
from collections.abc import Callable
from itertools import combinations

import pytest

from filler import fill
from rig.stack import Stack
from rig.wait import wait_for

COUNTS = (1, 2, 4)
# What a round on a machine that does other things may be off by; medians of three in full size. In the
# short form, which is for machines that do, more rounds are made as long as the others disturb.
NOISE_FULL, NOISE_SHORT = 0.15, 0.5
ROUNDS_FULL, ROUNDS_SHORT_MAX = 3, 6


def cpu_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                ticks += sum(int(n) for n in f.read().rpartition(")")[2].split()[11:15])
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


class Bill:
    """Whose processor time a drain takes."""

    def __init__(self, stack: Stack):
        self._parts: dict[str, Callable[[], list[int]]] = {
            "PostgreSQL": stack.database.server.family,
            "RabbitMQ": stack.broker.server.family,
            "consumers": lambda: [d.pid for d in stack.consumers if d.is_running()]}
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: cpu_s(pids()) for name, pids in self._parts.items()}

    def cores(self, seconds: float) -> dict[str, float]:
        """How many cores each part has kept busy."""
        now = self._now()
        return {name: (now[name] - self._before[name]) / seconds for name in now}


def stored(stack: Stack) -> int:
    value = stack.database.value("SELECT coalesce(sum(events), 0) FROM batches")
    assert value is not None
    return int(str(value))


def drain(stack: Stack, consumers: int, messages: int, events: int) -> tuple[float, dict]:
    """Events stored a second, from the first commit to the last, and whose time it took."""
    before = stored(stack)
    mark = stack.database.value("SELECT now()")
    fill(stack.broker, messages, events)
    running = stack.consumers[:consumers]
    for consumer in running:
        consumer.start()
    bill = Bill(stack)
    wait_for("all stored", lambda: stored(stack) == before + messages * events, 120, 0.1)
    seconds = float(str(stack.database.value(
        "SELECT extract(epoch FROM max(committed_at) - min(committed_at)) FROM batches "
        "WHERE committed_at > %s", (mark,))))
    cores = bill.cores(seconds)
    for consumer in running:
        consumer.wait_ready()
        assert consumer.stop() == 0
    return messages * events / seconds, cores


def never_less(rates: dict[int, list[float]], noise: float) -> bool:
    medians = {count: statistics.median(made) for count, made in rates.items()}
    return all(medians[more] > medians[fewer] * (1 - noise)
               for fewer, more in combinations(COUNTS, 2))


@pytest.mark.parametrize("events, what", [(1, "messages of one event"), (100, "messages of 100")])
def test_more_consumers_never_store_less(make_stack: Callable[..., Stack], full: bool, events: int,
                                         what: str, figure: Callable[[str], None]) -> None:
    messages = (30_000 if full else 4_000) // (1 if events == 1 else 10)
    noise = NOISE_FULL if full else NOISE_SHORT
    stack = make_stack(consumers=max(COUNTS), start=False)
    stack.producer.start()
    stack.producer.wait_ready()
    rates: dict[int, list[float]] = {count: [] for count in COUNTS}
    cores: dict[int, dict] = {}
    for _ in range(ROUNDS_FULL if full else ROUNDS_SHORT_MAX):
        for count in COUNTS:
            rate, cores[count] = drain(stack, count, messages, events)
            rates[count].append(rate)
        if not full and never_less(rates, noise):
            break
    for count in COUNTS:
        shares = ", ".join(f"{name} {n:.2f}" for name, n in cores[count].items())
        figure(f"{what}, {count} consumers: {statistics.median(rates[count]):.0f} events/s stored "
               f"({min(rates[count]):.0f} to {max(rates[count]):.0f}); cores busy: {shares}")
    assert never_less(rates, noise), rates
