# SPDX-License-Identifier: Apache-2.0
"""The faults, each a function of a run and its dice, and the run they happen to.

A run is two producers and two consumers with every link through a proxy, a load on them, and a
judgement at the end. A fault returns when what it broke has been put right again.
"""
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import checker
from journal import Journal
from load import Load
from proxy import AMQP, POSTGRES, TO_CLIENT, TO_SERVER, Proxy
from rig.stack import Daemon, Stack
from rig.wait import wait_for


class Run:
    def __init__(self, make_stack: Callable[..., Stack], folder: Path, seed: int,
                 clients: int = 8, pause_s: float = 0.0, **settings):
        self.dice = random.Random(seed)
        self.stack = make_stack(start=False, producers=0, consumers=0)
        broker, database = self.stack.broker, self.stack.database
        self.publish_link = Proxy(broker.port, AMQP)
        self.consume_link = Proxy(broker.port, AMQP)
        self.database_link = Proxy(database.port, POSTGRES)
        for proxy in self.links:
            proxy.start()
        for _ in range(settings.get("producers", 2)):
            self.stack.add_producer(settings.get("workers", 2), self.publish_link.port)
        for _ in range(settings.get("consumers", 2)):
            self.stack.add_consumer(self.consume_link.port, self.database_link.port)
        self.journal = Journal(folder / "journal.jsonl")
        self.load = Load([("127.0.0.1", p.port) for p in self.stack.producers], self.journal,
                         seed, clients, pause_s=pause_s)
        print(f"seed {seed}, journal {self.journal.path}")

    @property
    def links(self) -> list[Proxy]:
        return [self.publish_link, self.consume_link, self.database_link]

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

    def fault(self, name: str) -> None:
        """From the fault until everything is ready again."""
        self.inject(name)
        self.wait_ready()

    def inject(self, name: str) -> None:
        """The fault and its mending, for faults that happen together."""
        self.journal.note(f"fault {name}")
        FAULTS[name](self)
        self.journal.note(f"healed {name}")

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
        return faults


def _kill(run: Run, daemon: Daemon) -> None:
    run.pause(0, 2)
    daemon.kill9()
    run.pause(0, 1)
    daemon.restart()


def kill_producer(run: Run) -> None:
    _kill(run, run.dice.choice(run.stack.producers))


def kill_consumer(run: Run) -> None:
    _kill(run, run.dice.choice(run.stack.consumers))


def kill_worker(run: Run) -> None:
    """One worker of a producer; its supervisor must make another."""
    producer = run.dice.choice(run.stack.producers)
    family = producer.family()
    if len(family) < 2:
        return kill_producer(run)
    run.pause(0, 1)
    os.kill(run.dice.choice(family[1:]), signal.SIGKILL)
    wait_for("as many workers as before", lambda: len(producer.family()) == len(family))
    return None


def kill_broker(run: Run) -> None:
    run.pause(0, 2)
    run.stack.broker.kill9()
    run.pause(0, 1)
    run.stack.broker.start()


def kill_database(run: Run) -> None:
    run.pause(0, 2)
    run.stack.database.kill9()
    run.pause(0, 2)
    run.stack.database.start()


def kill_everything(run: Run) -> None:
    run.pause(0, 2)
    for daemon in run.stack.daemons:
        daemon.kill9()
    run.stack.broker.kill9()
    run.stack.database.kill9()
    run.stack.database.start()
    run.stack.broker.start()
    for daemon in run.stack.daemons:
        daemon.start()


def _freeze(run: Run, daemon: Daemon) -> None:
    family = daemon.family()
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    run.pause(0.5, 8)
    for pid in reversed(family):
        os.kill(pid, signal.SIGCONT)


def freeze_producer(run: Run) -> None:
    _freeze(run, run.dice.choice(run.stack.producers))


def freeze_consumer(run: Run) -> None:
    _freeze(run, run.dice.choice(run.stack.consumers))


def freeze_broker(run: Run) -> None:
    server = run.stack.broker.server
    server.signal(signal.SIGSTOP)
    run.pause(0.5, 8)
    server.signal(signal.SIGCONT)


def freeze_database(run: Run) -> None:
    server = run.stack.database.server
    server.signal_all(signal.SIGSTOP)
    run.pause(0.5, 8)
    server.signal_all(signal.SIGCONT)


def restart_producer(run: Run) -> None:
    _restart(run.dice.choice(run.stack.producers))


def restart_consumer(run: Run) -> None:
    _restart(run.dice.choice(run.stack.consumers))


def _restart(daemon: Daemon) -> None:
    status = daemon.stop()
    assert status == 0, f"{daemon.name} ended with {status} after SIGTERM\n{daemon.log_tail()}"
    daemon.restart()


def lose_commit_reply(run: Run) -> None:
    _swallow(run, run.database_link, TO_CLIENT, "C COMMIT")


def lose_confirm(run: Run) -> None:
    _swallow(run, run.publish_link, TO_CLIENT, "basic.ack")


def lose_ack(run: Run) -> None:
    _swallow(run, run.consume_link, TO_SERVER, "basic.ack")


def _swallow(run: Run, link: Proxy, direction: str, unit: str) -> None:
    before = link.swallowed
    link.swallow(direction, unit, 1, after=run.dice.randrange(0, 5))
    link.wait_swallowed(before + 1)
    run.wait_accepted(50)


def cut_links(run: Run) -> None:
    run.pause(0, 1)
    run.dice.choice(run.links).cut()


def cut_in_the_middle(run: Run) -> None:
    run.dice.choice(run.links).cut_after(run.dice.randrange(1, 20_000))
    run.pause(0.2, 1)


def blackhole(run: Run) -> None:
    link = run.dice.choice(run.links)
    link.blackhole()
    run.pause(0.5, 10)
    link.blackhole(False)


def refuse(run: Run) -> None:
    link = run.dice.choice(run.links)
    link.refuse()
    link.cut()
    run.pause(0.5, 5)
    link.refuse(False)


def slow_link(run: Run) -> None:
    link = run.dice.choice(run.links)
    link.delay(run.dice.uniform(0.02, 0.3))
    run.pause(1, 4)
    link.delay(0)


def end_sessions(run: Run) -> None:
    """The database ends every session; the broker closes every connection."""
    with run.stack.database.connect() as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    run.stack.broker.close_connections()


def memory_alarm(run: Run) -> None:
    """The broker stops reading from publishers."""
    broker = run.stack.broker
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    run.pause(1, 6)
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.4")


def lock_table(run: Run) -> None:
    with run.stack.database.connect(autocommit=False) as session:
        session.execute("LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE")
        run.pause(1, 8)


FAULTS: dict[str, Callable[[Run], None]] = {
    f.__name__: f for f in (
        kill_producer, kill_worker, kill_consumer, kill_broker, kill_database, kill_everything,
        freeze_producer, freeze_consumer, freeze_broker, freeze_database, restart_producer,
        restart_consumer, lose_commit_reply, lose_confirm, lose_ack, cut_links,
        cut_in_the_middle, blackhole, refuse, slow_link, end_sessions, memory_alarm, lock_table)}
