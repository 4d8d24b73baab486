# SPDX-License-Identifier: Apache-2.0
"""One child process of the rig: its log file, its family, its memory, its end.

Only processes started here are ever signalled, by their ids.
"""
import os
import signal
import subprocess
from pathlib import Path

from rig.wait import wait_for


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rpartition(")")[2].split()


def state(pid: int) -> str:
    """Its letter in /proc: R and S run, T stands still, Z and X have ended, as does what is gone."""
    try:
        return _stat(pid)[0]
    except OSError:
        return "X"


def is_alive(pid: int) -> bool:
    return state(pid) not in "ZX"


def started_at(pid: int) -> str | None:
    """Tells a process from a later one with the same id."""
    try:
        return _stat(pid)[19]
    except OSError:
        return None


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
            except OSError:
                continue
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def rss_bytes(pid: int, which: str = "VmRSS") -> int:
    """VmRSS is resident now, VmHWM the most there ever was."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(which + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Process:
    """A program with its output in a log file. start() may be called again after it ended."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str], log: Path, **popen):
        self.name, self.argv, self.env, self.log = name, argv, env, log
        self._popen_options = popen
        self._popen: subprocess.Popen | None = None
        self._family: dict[int, str | None] = {}

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was never started"
        return self._popen.pid

    def start(self) -> None:
        assert not self.is_running(), f"{self.name} is running already"
        with open(self.log, "ab") as out:
            self._popen = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=out, **self._popen_options)

    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def exit_status(self) -> int | None:
        return self._popen.poll() if self._popen else None

    def family(self) -> list[int]:
        """The process and all it started."""
        return [self.pid] + descendants(self.pid) if self.is_running() else []

    def signal(self, number: int) -> None:
        if self.is_running():
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        assert self._popen is not None
        return self._popen.wait(seconds)

    def _remember_family(self) -> None:
        self._family = {pid: started_at(pid) for pid in self.family()}

    def left_over(self) -> list[int]:
        """What the family left behind after the process itself ended."""
        return [pid for pid, start in self._family.items()
                if start and is_alive(pid) and started_at(pid) == start]

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, then the exit status; the whole family must be gone with it."""
        if not self.is_running():
            return self.exit_status() or 0
        self._remember_family()
        self.signal(signal.SIGTERM)
        try:
            status = self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s of SIGTERM") from None
        wait_for(f"all processes of {self.name} gone", lambda: not self.left_over(), 5)
        return status

    def kill9(self) -> None:
        """SIGKILL to the whole family at once, parent first so that it restarts nobody."""
        if not self.is_running():
            return
        self._remember_family()
        for pid, start in self._family.items():
            if started_at(pid) == start:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.wait(10)
        wait_for(f"all processes of {self.name} gone", lambda: not self.left_over(), 10)

    def rss(self, which: str = "VmRSS") -> dict[int, int]:
        sizes = {}
        for pid in self.family():
            try:
                sizes[pid] = rss_bytes(pid, which)
            except OSError:
                continue
        return sizes

    def log_text(self) -> str:
        try:
            return self.log.read_text(errors="replace")
        except OSError:
            return ""

    def log_tail(self, lines: int = 60) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])


def run(argv: list[str], env: dict[str, str], seconds: float = 60.0,
        text: str | None = None) -> subprocess.CompletedProcess:
    """A command to its end, output captured as text."""
    return subprocess.run(argv, env=env, input=text, capture_output=True, text=True,
                          timeout=seconds, check=False)


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings that could leak into the programs under test."""
    prefixes = ("RABBITMQ_", "DATABASE_", "PRODUCER_", "CONSUMER_", "METRICS_", "PG", "HOLDFAST_",
                "MAX_", "OUTBOX_", "PUBLISH_", "FEED_", "DEDUP_", "CATALOG_", "ENVIRONMENT", "LOG_",
                "REQUEST_", "HTTP_", "SHUTDOWN_", "ADMIN_", "NOTIFY_", "WATCHDOG_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
    env.update(more)
    return env


def end_on_sigterm() -> None:
    """SIGTERM becomes the end of the run by exception, so that every server is stopped."""
    def on_sigterm(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt("SIGTERM")
    signal.signal(signal.SIGTERM, on_sigterm)
