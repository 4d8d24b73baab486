# SPDX-License-Identifier: Apache-2.0
"""A stack under traffic, and the judgement of it by the journal's checker."""
import time
from pathlib import Path

import checker
from journal import Journal
from rig.stack import Stack
from rig.wait import Overdue, wait_for
from traffic import Traffic


class Scene:
    def __init__(self, stack: Stack, folder: Path, seed: int, **traffic):
        self.stack = stack
        self.journal = Journal(folder / "journal.jsonl")
        self.traffic = Traffic([("127.0.0.1", p.port) for p in stack.producers], self.journal,
                               seed, **traffic)
        print(f"seed {seed}, journal {self.journal.path}")

    def start(self) -> "Scene":
        self.stack.start()
        self.traffic.start()
        self.wait_accepted(200)
        return self

    def wait_accepted(self, more: int, seconds: float = 60.0) -> None:
        """Until so many further events are accepted: the stack works (again)."""
        target = self.traffic.events_accepted + more
        wait_for(f"{more} events more accepted", lambda: self.traffic.events_accepted >= target,
                 seconds)

    def wait_all_accept(self, seconds: float = 60.0) -> None:
        """Until every producer has accepted something sent from now on."""
        since = time.monotonic()
        wait_for("every producer accepting", lambda: all(
            any(t.producer == n and t.is_accepted and t.began >= since for t in self.traffic.made)
            for n in range(len(self.stack.producers))), seconds)

    def silences(self, since: float) -> list[float]:
        """Per producer the longest time without an accepted request."""
        return [self.traffic.silence_s(n, since) for n in range(len(self.stack.producers))]

    def finish(self, seconds: float = 120.0) -> checker.Verdict:
        """Ends the traffic, waits until all is stored, judges. An event that is only late is
        waited for before it is called lost."""
        self.traffic.stop()
        self.journal.close()
        try:
            self.stack.wait_drained(seconds)
        except Overdue:
            print(f"left over: {self.stack.broker.queues()}")
            print(checker.judge_run(self.journal.path, self.stack.database))
            raise
        verdict = checker.judge_run(self.journal.path, self.stack.database)
        deadline = time.monotonic() + 20
        while verdict.lost and time.monotonic() < deadline:
            self.stack.wait_drained(seconds)
            verdict = checker.judge_run(self.journal.path, self.stack.database)
        print(f"{verdict}\nnot accepted: {dict(self.traffic.first_tries_not_accepted())}")
        return verdict
