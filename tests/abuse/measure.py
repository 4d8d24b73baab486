# SPDX-License-Identifier: Apache-2.0
"""How a good client fares beside each abuse, how fast a consumer stores beside abuse of its own port,
and how long the loop's longest turn was: rounds in which alone and beside come by turns, the median of
them and the spread. The abuser shares the machine here, which alone moves a good client's p99: so it is
held against that beside a process as busy that speaks to nobody. The status is 1 when beside one of
them the p99 is more than twice that, storing slower than 0.95, or a turn longer than 50 ms."""
import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from abuse.abuses import ABUSES, CONTROL
from abuse.good import abuse, post
from rig.servers import Servers
from rig.stack import Stack


RATIO_MAX, TURN_MS_MAX, STORING_MIN = 2.0, 50.0, 0.95
STORED_EVENTS = 300_000
LINES = b"".join(b'{"event_type":"log","message":"number %d"}\n' % i for i in range(10_000))
# Abuse of the port that metrics are asked at.
STORING_BESIDE = ("pipeline, one", "pipeline", "pipeline HEAD", "one byte", "come and go")


def measure(stack: Stack, name: str, rounds: int, seconds: float) -> bool:
    """Prints its line; false when a promise is broken."""
    port = stack.producer.port
    alone, busy, beside, faults = [], [], [], []
    for _ in range(rounds):
        alone.append(post(port, seconds).p99)
        with abuse(CONTROL, port):
            busy.append(post(port, seconds).p99)
        with abuse(name, port):
            served = post(port, seconds)
        beside.append(served.p99)
        faults += served.faults
    ratios = [p99 / control for p99, control in zip(beside, busy)]
    turn = stack.producer.metric("holdfast_loop_longest_turn_seconds") * 1000
    print(f"| {name} | {median(alone):.1f} | {median(busy):.1f} | {median(beside):.1f} "
          f"| {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {turn:.1f} "
          f"| {', '.join(sorted(set(faults))) or 'none'} |", flush=True)
    return median(ratios) <= RATIO_MAX and turn <= TURN_MS_MAX and not faults


def storing_seconds(stack: Stack, name: str) -> float:
    """From the first transaction to the last, for events that waited in the queue."""
    stored, began = stack.count(), stack.database.value("SELECT clock_timestamp()")
    stack.consumer.signal(signal.SIGSTOP)
    try:
        for _ in range(STORED_EVENTS // 10_000):
            answer = stack.post(LINES, headers={"Content-Type": "application/x-ndjson"})
            assert answer.status_code == 202, answer.text
    finally:
        stack.consumer.signal(signal.SIGCONT)
    with abuse(name or CONTROL, stack.consumer.port):
        stack.wait_count(stored + STORED_EVENTS, seconds=120)
    took = stack.database.value("SELECT extract(epoch FROM max(stored_at) - min(stored_at))::float8"
                                " FROM log_events WHERE stored_at > %s", (began,))
    assert isinstance(took, float)
    return took


def measure_storing(stack: Stack, name: str, rounds: int) -> bool:
    ratios, alone, beside = [], [], []
    for _ in range(rounds):
        alone.append(STORED_EVENTS / storing_seconds(stack, CONTROL))
        beside.append(STORED_EVENTS / storing_seconds(stack, name))
        ratios.append(beside[-1] / alone[-1])
    turn = stack.consumer.metric("holdfast_loop_longest_turn_seconds") * 1000
    print(f"| {name} | {median(alone):,.0f} | {median(beside):,.0f} | {median(ratios):.2f} "
          f"({min(ratios):.2f}-{max(ratios):.2f}) | {turn:.1f} |", flush=True)
    return median(ratios) >= STORING_MIN and turn <= TURN_MS_MAX


@contextmanager
def one_stack(servers: Servers, consumers: int) -> Iterator[Stack]:
    vhost = servers.broker.create_vhost()
    folder = Path(mkdtemp(dir=servers.folder))
    stack = Stack(folder, vhost, servers.create_database(f"d_{folder.name}"))
    stack.add_producer()
    for _ in range(consumers):
        stack.add_consumer()
    stack.start()
    try:
        yield stack
    finally:
        faults = stack.stop()
        assert not faults, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ABUSES)}; all when none is given")
    wanted = parser.parse_args()
    names = wanted.names or ABUSES
    kept = True
    with Servers() as servers:
        print("| abuse | p99 ms alone | busy elsewhere | beside | ratio of these (spread) "
              "| longest turn ms | faults |\n|---|---|---|---|---|---|---|", flush=True)
        for name in names:
            with one_stack(servers, consumers=0) as stack:
                kept = measure(stack, name, wanted.rounds, wanted.seconds) and kept
        print("\n| abuse of the consumer's port | stored/s, busy elsewhere | beside | ratio (spread) "
              "| longest turn ms |\n|---|---|---|---|---|", flush=True)
        for name in filter(STORING_BESIDE.__contains__, names):
            with one_stack(servers, consumers=1) as stack:
                kept = measure_storing(stack, name, wanted.rounds) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
