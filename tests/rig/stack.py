# SPDX-License-Identifier: Apache-2.0
"""The stack under test: producers and consumers of one build over one broker and one database.

Every daemon gets its settings by environment, a free port, and a log of its own; it is ready when
/readyz says so. Ending with another status than 0 after SIGTERM, a report of a sanitizer, or a
process left behind is a failure of the test that used the stack.
"""
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx

from rig.broker import Vhost
from rig.database import Database
from rig.process import Process, clean_environment, run
from rig.wait import free_port, wait_for

SOURCE = Path(__file__).resolve().parents[2]
SANITIZER = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|"
                       r"Sanitizer:DEADLYSIGNAL|Assertion .* failed")


def build_folder() -> Path:
    return (SOURCE / os.environ.get("HOLDFAST_BUILD", "build")).resolve()


def program(name: str) -> str:
    """Where it was built; HOLDFAST_MUTANT names a build folder whose programs come first."""
    inside = {"holdfast-producer": "producer", "holdfast-consumer": "consumer",
              "holdfast": "cli"}[name] + "/" + name
    altered = Path(os.environ.get("HOLDFAST_MUTANT", "/nonexistent")) / inside
    if altered.exists():
        return str(altered)
    path = build_folder() / inside
    assert path.exists(), f"{path} is not built; HOLDFAST_BUILD names the build folder"
    return str(path)


def base_env(**more: str) -> dict[str, str]:
    return clean_environment(
        LC_ALL="C.UTF-8",
        ASAN_OPTIONS="detect_leaks=1:exitcode=99:strict_string_checks=1:verify_asan_link_order=0",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:exitcode=99", **more)


class Daemon(Process):
    """A producer or consumer. `url` is where its HTTP side listens."""

    def __init__(self, name: str, binary: str, env: dict[str, str], port: int, log: Path):
        super().__init__(name, [program(binary)], base_env(**env), log)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.killed = False

    def start(self) -> None:
        self.killed = False
        super().start()

    def kill9(self) -> None:
        self.killed = True
        super().kill9()

    def is_ready(self) -> bool:
        assert self.is_running(), \
            f"{self.name} ended with status {self.exit_status()}:\n{self.log_tail()}"
        return self.get("/readyz").status_code == 200

    def wait_ready(self, seconds: float = 30.0) -> "Daemon":
        wait_for(f"{self.name} ready", self.is_ready, seconds)
        return self

    def restart(self, seconds: float = 30.0) -> None:
        self.start()
        self.wait_ready(seconds)

    def get(self, path: str, **options) -> httpx.Response:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options) -> httpx.Response:
        try:
            return httpx.request(method, self.url + path, timeout=options.pop("timeout", 15),
                                 **options)
        except httpx.TransportError as error:
            raise OSError(f"{method} {self.url}{path}: {error!r}") from error

    def health(self) -> dict:
        return self.get("/health").json()

    def metrics(self) -> dict[str, float]:
        """Series (name with labels) -> value."""
        series = {}
        for line in self.get("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                series[name] = float(value)
        return series

    def metric(self, name: str) -> float:
        """The sum over the labels of one metric; 0 when it is not there."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))


class Stack:
    def __init__(self, folder: Path, broker: Vhost, database: Database):
        self.folder, self.broker, self.database = folder, broker, database
        self.producers: list[Daemon] = []
        self.consumers: list[Daemon] = []

    @property
    def daemons(self) -> list[Daemon]:
        return self.producers + self.consumers

    @property
    def producer(self) -> Daemon:
        return self.producers[0]

    @property
    def consumer(self) -> Daemon:
        return self.consumers[0]

    @property
    def url(self) -> str:
        return self.producer.url

    def add_producer(self, workers: int = 1, amqp_port: int | None = None,
                     env: dict[str, str] | None = None) -> Daemon:
        """Not started yet. amqp_port stands for the broker's, where a proxy is between."""
        name, port = f"producer{len(self.producers)}", free_port()
        settings = {**self.broker.env(amqp_port), "PRODUCER_HOST": "127.0.0.1",
                    "PRODUCER_PORT": str(port), "PRODUCER_WORKERS": str(workers),
                    "LOG_LEVEL": "INFO", **(env or {})}
        daemon = Daemon(name, "holdfast-producer", settings, port, self.folder / f"{name}.log")
        self.producers.append(daemon)
        return daemon

    def add_consumer(self, amqp_port: int | None = None, database_port: int | None = None,
                     env: dict[str, str] | None = None) -> Daemon:
        name, port = f"consumer{len(self.consumers)}", free_port()
        settings = {**self.broker.env(amqp_port), **self.database.env(database_port),
                    "METRICS_HOST": "127.0.0.1", "METRICS_PORT": str(port),
                    "LOG_LEVEL": "INFO", **(env or {})}
        daemon = Daemon(name, "holdfast-consumer", settings, port, self.folder / f"{name}.log")
        self.consumers.append(daemon)
        return daemon

    def start(self, seconds: float = 60.0) -> "Stack":
        for daemon in self.daemons:
            if not daemon.is_running():
                daemon.start()
        for daemon in self.daemons:
            daemon.wait_ready(seconds)
        return self

    def cli(self, *args: str, text: str | None = None, seconds: float = 60.0, **env: str):
        """The command `holdfast` with everything it needs to reach this stack."""
        settings = {**self.broker.env(), **self.database.admin_env(), **env}
        if self.producers:
            settings.setdefault("HOLDFAST_URL", self.url)
        return run([program("holdfast"), *args], base_env(**settings), seconds, text)

    def post(self, body: object, path: str = "/log", **options) -> httpx.Response:
        """An object or list as JSON; bytes and text as they are."""
        if isinstance(body, (bytes, str)):
            headers = {"Content-Type": "application/json", **options.pop("headers", {})}
            return self.producer.request("POST", path, content=body, headers=headers, **options)
        return self.producer.request("POST", path, json=body, **options)

    def count(self, where: str = "true", parameters: tuple = ()) -> int:
        value = self.database.value(f"SELECT count(*) FROM log_events WHERE {where}", parameters)
        assert isinstance(value, int)
        return value

    def wait_count(self, expected: int, where: str = "true", parameters: tuple = (),
                   seconds: float = 30.0) -> None:
        """Until so many rows are stored; more is a failure as well."""
        wait_for(f"{expected} rows stored where {where}",
                 lambda: self.count(where, parameters) >= expected, seconds)
        found = self.count(where, parameters)
        assert found == expected, f"{found} rows where {expected} were expected ({where})"

    def event(self, event_id: str, seconds: float = 30.0) -> dict:
        """The one row of an event, once it is stored."""
        query = "SELECT * FROM log_events WHERE event_id = %s"
        rows = wait_for(f"event {event_id} stored",
                        lambda: self.database.rows(query, (event_id,)), seconds)
        assert len(rows) == 1, f"{len(rows)} rows of {event_id}"
        return rows[0]

    def wait_drained(self, seconds: float = 60.0) -> None:
        """Until the queues are empty, nothing is held by a consumer, and the rows stand still."""
        def drained() -> bool:
            before = self.count()
            return self.broker.messages_are_gone() and self.count() == before
        wait_for("queues empty and all stored", drained, seconds, 0.1)

    def stop(self) -> list[str]:
        """Ends every daemon; returns what was wrong with their ends or logs."""
        faults = []
        for daemon in self.daemons:
            fault = _ended_badly(daemon, lambda d=daemon: d.stop())
            if fault:
                faults.append(fault)
        return faults

    def logs(self, lines: int = 25) -> str:
        def short(text: str) -> str:
            return "\n".join(line[:400] for line in text.splitlines())
        return "\n".join(f"--- {d.name} ({d.log.name})\n{short(d.log_tail(lines))}"
                         for d in self.daemons)


def _ended_badly(daemon: Daemon, stop: Callable[[], int]) -> str | None:
    was_running = daemon.is_running()
    expected_end = daemon.killed or daemon.exit_status() is None
    try:
        status = stop()
    except AssertionError as error:
        return str(error)
    if was_running and status != 0:
        return f"{daemon.name} ended with status {status} after SIGTERM"
    if not was_running and not expected_end and status != 0:
        return f"{daemon.name} had ended by itself with status {status}"
    if daemon.left_over():
        return f"{daemon.name} left processes behind: {daemon.left_over()}"
    found = SANITIZER.search(daemon.log_text())
    return f"{daemon.name} wrote: {found.group(0)}" if found else None
