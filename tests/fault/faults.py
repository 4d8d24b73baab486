# SPDX-License-Identifier: Apache-2.0
"""Faults of processes and of links, each a function of a run and its dice. A fault returns when it has
happened, which it has seen itself, and when what it broke has been put right again.

Another may happen at the same time: what it needs, say an open connection, it waits for.
"""
import os
import signal
from collections.abc import Callable, Iterable

from proxy import TO_CLIENT, TO_SERVER, Proxy
from rig.broker import Broker
from rig.database import Cluster
from rig.process import state
from rig.stack import Daemon
from rig.wait import wait_for
from run import Run

HAPPENS_S = 60.0


def seen(what: str, check: Callable[[], object]) -> None:
    """The proof that a fault happened, waited for: it fails without."""
    wait_for(what, check, HAPPENS_S)


def _kill(run: Run, daemon: Daemon) -> None:
    run.pause(0, 2)
    _end(daemon)
    run.pause(0, 1)
    daemon.restart()


def _end(victim: Daemon | Broker | Cluster) -> None:
    assert victim.is_running(), "it does not run, there is nothing to kill"
    victim.kill9()
    assert not victim.is_running(), "it runs on"


def kill_producer(run: Run) -> None:
    _kill(run, run.dice.choice(run.stack.producers))


def kill_consumer(run: Run) -> None:
    _kill(run, run.dice.choice(run.stack.consumers))


def kill_worker(run: Run) -> None:
    """One worker of a producer; its supervisor must make another."""
    producer, worker, workers = _some_worker(run)
    run.pause(0, 1)
    os.kill(worker, signal.SIGKILL)
    seen("another worker for the one that was killed",
         lambda: worker not in producer.family() and len(producer.family()) == workers + 1)


def _some_worker(run: Run) -> tuple[Daemon, int, int]:
    producer = run.dice.choice(run.stack.producers)
    workers = producer.family()[1:]
    assert len(workers) > 1, f"{producer.name} has no workers beside its supervisor"
    return producer, run.dice.choice(workers), len(workers)


def kill_broker(run: Run) -> None:
    run.pause(0, 2)
    _end(run.stack.broker.server)
    run.pause(0, 1)
    run.stack.broker.start()


def kill_database(run: Run) -> None:
    run.pause(0, 2)
    _end(run.stack.database.server)
    run.pause(0, 2)
    run.stack.database.start()


def kill_everything(run: Run) -> None:
    run.pause(0, 2)
    for victim in (*run.stack.daemons, run.stack.broker.server, run.stack.database.server):
        _end(victim)
    run.stack.database.start()
    run.stack.broker.start()
    for daemon in run.stack.daemons:
        daemon.start()


def _freeze(run: Run, pids: Iterable[int]) -> None:
    """Parents come first, so that they see none of it; what was ended meanwhile is left alone."""
    pids = list(pids)
    assert pids, "there is nothing to freeze"
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        seen(f"{pids} standing still", lambda: all(state(pid) == "T" for pid in pids))
        run.pause(0.5, 8)
    finally:
        for pid in reversed(pids):
            if state(pid) == "T":
                os.kill(pid, signal.SIGCONT)


def freeze_producer(run: Run) -> None:
    _freeze(run, run.dice.choice(run.stack.producers).family())


def freeze_worker(run: Run) -> None:
    """One worker stands still; the others, and whoever looks after it, do not."""
    producer, worker, workers = _some_worker(run)
    _freeze(run, [worker])
    seen("as many workers as before", lambda: len(producer.family()) == workers + 1)


def freeze_consumer(run: Run) -> None:
    _freeze(run, run.dice.choice(run.stack.consumers).family())


def freeze_broker(run: Run) -> None:
    _freeze(run, [run.stack.broker.server.pid])


def freeze_database(run: Run) -> None:
    """A backend that was being made just then is told again."""
    server = run.stack.database.server

    def stands_still() -> bool:
        server.signal_all(signal.SIGSTOP)
        return all(state(pid) in "TZX" for pid in server.family())

    try:
        seen("PostgreSQL standing still", stands_still)
        run.pause(0.5, 8)
    finally:
        server.signal_all(signal.SIGCONT)


def restart_producer(run: Run) -> None:
    _restart(run.dice.choice(run.stack.producers))


def restart_consumer(run: Run) -> None:
    _restart(run.dice.choice(run.stack.consumers))


def _restart(daemon: Daemon) -> None:
    assert daemon.is_running(), f"{daemon.name} does not run, there is nothing to restart"
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
    seen(f"a {unit} swallowed", lambda: link.swallowed > before)
    run.wait_accepted(50)


def cut_links(run: Run) -> None:
    run.pause(0, 1)
    seen("an open connection cut", run.dice.choice(run.links).cut)


def cut_in_the_middle(run: Run) -> None:
    link = run.dice.choice(run.links)
    before = link.happened["cut in the middle"]
    link.cut_after(run.dice.randrange(1, 20_000))
    seen("a connection cut in the middle", lambda: link.happened["cut in the middle"] > before)
    link.cut_after(None)


def blackhole(run: Run) -> None:
    link = run.dice.choice(run.links)
    before = link.happened["withheld"]
    link.blackhole()
    run.pause(0.5, 10)
    seen("bytes in the black hole", lambda: link.happened["withheld"] > before)
    link.blackhole(False)


def refuse(run: Run) -> None:
    link = run.dice.choice(run.links)
    before = link.happened["refused"]
    link.refuse()
    link.cut()
    run.pause(0.5, 5)
    seen("a connection refused", lambda: link.happened["refused"] > before)
    link.refuse(False)


def slow_link(run: Run) -> None:
    link = run.dice.choice(run.links)
    before = link.happened["delayed"]
    link.delay(run.dice.uniform(0.02, 0.3))
    run.pause(1, 4)
    seen("bytes that came late", lambda: link.happened["delayed"] > before)
    link.delay(0)


LINK_FAULTS = (cut_links, cut_in_the_middle, blackhole, refuse, slow_link)
PROCESS_FAULTS = (kill_producer, kill_worker, kill_consumer, kill_broker, kill_database,
                  kill_everything, freeze_producer, freeze_worker, freeze_consumer, freeze_broker,
                  freeze_database, restart_producer, restart_consumer)
LOST_ANSWERS = (lose_commit_reply, lose_confirm, lose_ack)
