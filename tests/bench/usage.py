# SPDX-License-Identifier: Apache-2.0
"""What processes use: processor time, memory and bytes written, read from /proc.

A family is a process with all its children. Processor time and bytes of children that ended are
counted with the parent that waited for them, so a backend that came and went is not forgotten."""
import os
from dataclasses import dataclass

from rig.process import descendants, rss_bytes

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 2 ** 20


def family(pids: list[int]) -> list[int]:
    return [p for pid in pids for p in [pid, *descendants(pid)]]


def cpu_seconds(pids: list[int]) -> float:
    """User and system, with ended children."""
    total = 0
    for pid in family(pids):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
        except OSError:
            continue
    return total / TICKS


def written_bytes(pids: list[int]) -> int:
    """To files that grow, as the kernel counts it. (A small write into the middle of a file that is
    cached in large pieces counts as the whole piece, so this is no measure for PostgreSQL.)"""
    total = 0
    for pid in family(pids):
        try:
            with open(f"/proc/{pid}/io", encoding="ascii") as f:
                total += int(next(line for line in f if line.startswith("write_bytes")).split()[1])
        except (OSError, StopIteration):
            continue
    return total


def rss_mib(pids: list[int], which: str = "VmRSS") -> float:
    """The greatest of the family's processes."""
    sizes = [0]
    for pid in family(pids):
        try:
            sizes.append(rss_bytes(pid, which))
        except OSError:
            continue
    return max(sizes) / MIB


@dataclass
class Reading:
    """Of families named like "producer", at one moment."""
    cpu_s: dict[str, float]
    rabbitmq_bytes: int

    @classmethod
    def take(cls, families: dict[str, list[int]]) -> "Reading":
        return cls({name: cpu_seconds(pids) for name, pids in families.items()},
                   written_bytes(families["rabbitmq"]))

    def written_until(self, later: "Reading") -> int:
        return later.rabbitmq_bytes - self.rabbitmq_bytes


def cpu_figures(before: Reading, after: Reading, events: int) -> dict[str, float]:
    return {f"cpu_us.{name}": (after.cpu_s[name] - before.cpu_s.get(name, 0)) * 1e6 / events
            for name in after.cpu_s}


def memory_figures(families: dict[str, list[int]]) -> dict[str, float]:
    return {f"{key}.{name}": rss_mib(pids, which) for name, pids in families.items()
            for key, which in (("rss_mib", "VmRSS"), ("peak_mib", "VmHWM"))}
