# SPDX-License-Identifier: Apache-2.0
"""Faults of what others hold or decide: sessions, temporary schemas, locks, alarms, clocks, the
catalogue, the broker's version. Like those of faults.py: seen to have happened, and put right again.
"""
import signal
import time
from datetime import datetime

import psycopg

from faults import seen
from rig.stack import Daemon
from run import Run

DAY = 86400
# Of two daemons at most one is right. Within a few minutes a clock is right enough to work with.
CLOCKS_AHEAD_S = (-20_000 * DAY, -40 * DAY, -2 * DAY, -240, 240, 2 * DAY, 400 * DAY)
OURS = "datname = current_database() AND pid <> pg_backend_pid()"


def end_sessions(run: Run) -> None:
    """The database ends every session; the broker closes every connection."""
    with run.stack.database.connect() as session:
        seen("a session ended", lambda: ended(
            session, f"SELECT pg_terminate_backend(pid) AS is_ended FROM pg_stat_activity WHERE {OURS}"))
    run.stack.broker.close_connections()


def ended(session: psycopg.Connection, query: str) -> bool:
    return any(row["is_ended"] for row in session.execute(query).fetchall())


def end_working_sessions(run: Run) -> None:
    """Each in the middle of a transaction."""
    _while_storing(run, "pg_terminate_backend")


def _while_storing(run: Run, function: str) -> None:
    """To the backends that wait for a table that is held here. They are looked for by a session of its
    own: within one transaction the list of backends stays as it was first seen."""
    with run.stack.database.connect(autocommit=False) as holder, \
            run.stack.database.connect() as session:
        holder.execute("LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE")
        seen(f"{function} of one that was storing", lambda: ended(
            session, f"SELECT {function}(pid) AS is_ended FROM pg_stat_activity "
                    f"WHERE wait_event_type = 'Lock' AND {OURS}"))


def drop_temporary_schemas(run: Run) -> None:
    """An administrator clears away what looks forgotten, waiting for what is in use. A transaction
    that fails then makes its session look for its table."""
    with run.stack.database.connect() as session:
        session.execute("SET lock_timeout = '10s'")
        seen("a temporary schema dropped", lambda: dropped(session))
    _while_storing(run, "pg_cancel_backend")


def dropped(session: psycopg.Connection) -> int:
    """How many."""
    found = session.execute("SELECT DISTINCT n.nspname AS name FROM pg_class c JOIN pg_namespace n "
                            "ON n.oid = c.relnamespace WHERE n.nspname LIKE 'pg\\_temp\\_%'").fetchall()
    count = 0
    for row in found:
        try:
            session.execute(f'DROP SCHEMA "{row["name"]}" CASCADE')
            count += 1
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InvalidSchemaName):
            continue
    return count


def memory_alarm(run: Run) -> None:
    """The broker stops reading from publishers."""
    broker = run.stack.broker.server
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    seen("the broker's alarm", lambda: broker.api("GET", "/api/health/checks/alarms")[0] == 503)
    run.pause(1, 6)
    broker.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
    seen("no alarm any more", lambda: broker.api("GET", "/api/health/checks/alarms")[0] == 200)


def lock_table(run: Run) -> None:
    with run.stack.database.connect(autocommit=False) as holder, \
            run.stack.database.connect() as session:
        holder.execute("LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE")
        run.pause(1, 8)
        seen("a session waiting for the table", lambda: session.execute(
            f"SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {OURS}").rowcount)


def wrong_clock_of_a_producer(run: Run) -> None:
    _set_clocks(run, [run.dice.choice(run.stack.producers)])


def wrong_clock_of_a_consumer(run: Run) -> None:
    _set_clocks(run, [run.dice.choice(run.stack.consumers)])


def clocks_apart(run: Run) -> None:
    _set_clocks(run, [run.dice.choice(run.stack.producers), run.dice.choice(run.stack.consumers)])


def _set_clocks(run: Run, daemons: list[Daemon]) -> None:
    for daemon in daemons:
        _set_clock(run, daemon, run.dice.choice(CLOCKS_AHEAD_S))
    run.pause(2, 8)
    for daemon in daemons:
        _set_clock(run, daemon, 0)


def _set_clock(run: Run, daemon: Daemon, ahead_s: int) -> None:
    run.clocks[daemon.name].set(ahead_s)
    seen(f"the clock of {daemon.name} {ahead_s} s ahead",
         lambda: abs(_wall_clock(daemon) - time.time() - ahead_s) < 30)


def _wall_clock(daemon: Daemon) -> float:
    """What it takes the time to be."""
    return datetime.fromisoformat(daemon.health()["timestamp"].replace("Z", "+00:00")).timestamp()


def reload_catalogue(run: Run) -> None:
    """The defaults change between a post and its repetition, which the load makes now and then."""
    before = {p.name: p.log_text().count("catalog_reloaded") for p in run.stack.producers}
    run.write_catalogue()
    for producer in run.stack.producers:
        producer.signal(signal.SIGHUP)
    for producer in run.stack.producers:
        workers = len(producer.family()) - 1
        seen(f"the next catalogue in force in {producer.name}", lambda p=producer, n=workers:
             p.log_text().count("catalog_reloaded") >= before[p.name] + n)
    repeated = run.load.posts_repeated
    seen("posts repeated since", lambda: run.load.posts_repeated >= repeated + 3)


def upgrade_broker(run: Run) -> None:
    """Once a run: there is no way back."""
    broker, before = run.stack.broker.server, run.stack.broker.server.version()
    broker.stop()
    broker.root = run.upgrade_to
    broker.start()
    assert broker.version() != before, f"the broker is {before} as before"


STATE_FAULTS = (end_sessions, end_working_sessions, drop_temporary_schemas, memory_alarm,
                lock_table, reload_catalogue)
CLOCK_FAULTS = (wrong_clock_of_a_producer, wrong_clock_of_a_consumer, clocks_apart)
