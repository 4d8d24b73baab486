# SPDX-License-Identifier: Apache-2.0
"""What stopped consumers have left behind is stored when they start, each message once, and their
memory does not follow the length of the queue."""
import threading
import time
from collections.abc import Callable

from filler import fill
from rig.process import rss_bytes
from rig.stack import Daemon, Stack
from rig.wait import wait_for

MIB = 1 << 20
# A consumer holds at most its prefetch of messages and a few batches of rows. Flat means that the
# second half of a drain needs hardly more than the first.
PEAK_BYTES, GROWTH_BYTES = 32 * MIB, 4 * MIB


class Sampler(threading.Thread):
    """The resident memory of daemons, ten times a second, until stop()."""

    def __init__(self, daemons: list[Daemon]):
        super().__init__(daemon=True)
        self._pids = [d.pid for d in daemons]
        self._stopping = threading.Event()
        self.samples: list[int] = []  # of the largest of them

    def run(self) -> None:
        while not self._stopping.wait(0.1):
            self.samples.append(max(rss_bytes(pid) for pid in self._pids))

    def stop(self) -> list[int]:
        self._stopping.set()
        self.join()
        return self.samples


def drain(stack: Stack, count: int) -> tuple[float, list[int]]:
    """Seconds until all is stored, and the memory on the way."""
    begin = time.monotonic()
    for consumer in stack.consumers:
        consumer.start()
    sampler = Sampler(stack.consumers)
    sampler.start()
    try:
        wait_for(f"{count} rows", lambda: stack.count() >= count, 180)
        return time.monotonic() - begin, sampler.samples
    finally:
        sampler.stop()


def test_a_backlog_drains_with_flat_memory(make_stack: Callable[..., Stack], full: bool,
                                           figure: Callable[[str], None]) -> None:
    count = 200_000 if full else 10_000
    stack = make_stack(consumers=2)
    for consumer in stack.consumers:
        consumer.stop()
    fill(stack.broker, count)
    seconds, samples = drain(stack, count)
    stack.wait_drained()
    assert stack.count() == count
    assert stack.database.value("SELECT count(DISTINCT event_id) FROM log_events") == count
    assert stack.database.value("SELECT count(*) FROM quarantine") == 0
    half = len(samples) // 2
    first, second = max(samples[:half]), max(samples[half:])
    figure(f"backlog of {count} messages: stored in {seconds:.1f} s, {count / seconds:.0f}/s by two "
           f"consumers, resident at most {first / MIB:.1f} MiB in the first half of it and "
           f"{second / MIB:.1f} MiB in the second")
    assert second < PEAK_BYTES
    if full:
        assert second < first + GROWTH_BYTES
