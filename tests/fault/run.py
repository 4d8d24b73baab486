# SPDX-License-Identifier: Apache-2.0
"""What the faults happen to: two producers and two consumers with every link through a proxy, a load
on them, and a judgement at the end.

The producers have a catalogue of their own. With `clocks` every daemon has a wall clock of its own as
well, which does not go together with a sanitizer.
"""
import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import checker
import clocks as wall
from journal import Journal
from load import Load
from proxy import AMQP, POSTGRES, Proxy
from rig.stack import SOURCE, Stack
from rig.wait import wait_for


class Run:
    def __init__(self, make_stack: Callable[..., Stack], folder: Path, seed: int,
                 clients: int = 8, pause_s: float = 0.0, clocks: bool = False, **settings):
        self.dice = random.Random(seed)
        self.stack = make_stack(start=False, producers=0, consumers=0)
        self.clocks: dict[str, wall.Clock] = {}
        self.catalogue_version = 0
        self.upgrade_to: Path | None = None  # the root of another installation of the broker
        self._folder, self._has_clocks = folder, clocks
        broker, database = self.stack.broker, self.stack.database
        self.publish_link = Proxy(broker.port, AMQP)
        self.consume_link = Proxy(broker.port, AMQP)
        self.database_link = Proxy(database.port, POSTGRES)
        for proxy in self.links:
            proxy.start()
        shutil.copytree(SOURCE / "schema/catalog", self._catalogue)
        self.write_catalogue()
        for n in range(settings.get("producers", 2)):
            env = {"CATALOG_DIR": str(self._catalogue), **self._clock_env(f"producer{n}")}
            self.stack.add_producer(settings.get("workers", 2), self.publish_link.port, env)
        for n in range(settings.get("consumers", 2)):
            self.stack.add_consumer(self.consume_link.port, self.database_link.port,
                                    self._clock_env(f"consumer{n}"))
        self.journal = Journal(folder / "journal.jsonl")
        self.load = Load([("127.0.0.1", p.port) for p in self.stack.producers], self.journal,
                         seed, clients, pause_s=pause_s)
        print(f"seed {seed}, journal {self.journal.path}")

    @property
    def links(self) -> list[Proxy]:
        return [self.publish_link, self.consume_link, self.database_link]

    @property
    def _catalogue(self) -> Path:
        return self._folder / "catalogue"

    def _clock_env(self, name: str) -> dict[str, str]:
        if not self._has_clocks:
            return {}
        self.clocks[name] = wall.Clock(self._folder / f"{name}.clock")
        return self.clocks[name].env()

    def write_catalogue(self) -> None:
        """The next version: the types of the load have other defaults, one is known now and then."""
        self.catalogue_version += 1
        n = self.catalogue_version
        types = {"fault.single": {"routing_key": f"fault.v{n}", "priority": n % 10,
                                  "severity": ["debug", "error"][n % 2]}}
        if n % 2:
            types["fault.batch"] = {"routing_key": f"batch.v{n}", "severity": "warning"}
        (self._catalogue / "fault.json").write_text(json.dumps({"family": "fault", "types": types}))

    def start(self) -> "Run":
        self.stack.start()
        self.load.start()
        self.wait_accepted(200)
        # A broker may forget a queue's log when killed within half a second of its declaration.
        self.pause(1.5, 2.0)
        return self

    def wait_accepted(self, more: int, seconds: float = 60.0) -> None:
        """Until so many further events are accepted: the stack works (again)."""
        target = self.load.events_accepted + more
        wait_for(f"{more} events more accepted", lambda: self.load.events_accepted >= target,
                 seconds)

    def pause(self, low: float, high: float) -> None:
        """The random moments of the faults: time passing is what is wanted here."""
        time.sleep(self.dice.uniform(low, high))

    def fault(self, happen: Callable[["Run"], None]) -> None:
        """From the fault until everything is ready again."""
        self.inject(happen)
        self.wait_ready()

    def inject(self, happen: Callable[["Run"], None]) -> None:
        """The fault and its mending, for faults that happen together. One that did not happen, or
        cannot be mended, is a failure of the run."""
        self.journal.note(f"fault {happen.__name__}")
        try:
            happen(self)
        except AssertionError as error:
            raise AssertionError(f"{happen.__name__}: {error}") from error
        self.journal.note(f"healed {happen.__name__}")

    def wait_ready(self) -> None:
        for daemon in self.stack.daemons:
            daemon.wait_ready(60)

    def finish(self, seconds: float = 90.0, late_seconds: float = 20.0) -> checker.Verdict:
        """Ends the load, waits until all is stored, judges. An event that is only late is waited
        for before it is called lost."""
        self.load.stop()
        self.journal.close()
        self.stack.wait_drained(seconds)
        verdict = checker.judge_run(self.journal.path, self.stack.database)
        deadline = time.monotonic() + late_seconds
        while verdict.lost and time.monotonic() < deadline:
            self.stack.wait_drained(seconds)
            verdict = checker.judge_run(self.journal.path, self.stack.database)
        print(f"{verdict}\nanswers {dict(self.load.statuses)}, "
              f"slowest {self.load.slowest_s * 1000:.0f} ms")
        return verdict

    def close(self) -> list[str]:
        """Ends the daemons while their links still work; returns what was wrong with their ends."""
        self.load.abandon()
        faults = self.stack.stop()
        for proxy in self.links:
            proxy.stop()
        if self._has_clocks:
            wall.sweep()
        return faults
