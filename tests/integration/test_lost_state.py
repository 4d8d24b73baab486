# SPDX-License-Identifier: Apache-2.0
"""A consumer's session with PostgreSQL holds things of its own: a temporary table, prepared
statements, settings. Whatever is taken from it, events go on being stored, once each, and none is
quarantined for it: a session whose state is not as expected is replaced."""
from collections.abc import Callable

from refusal import POISON, SQLSTATE, Refusal
from rig.database import Database
from rig.stack import Stack
from rig.wait import wait_for

SESSIONS = "SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database()" \
           " AND application_name ~ '^holdfast-consumer'"


def sessions(database: Database) -> set[int]:
    return {row["pid"] for row in database.rows(SESSIONS)}


def drop_stages(database: Database) -> None:
    """What an administrator does who clears temporary schemas."""
    with database.connect() as session:
        for row in session.execute("SELECT oid::regclass::text AS name FROM pg_class"
                                   " WHERE relname = 'stage' AND relpersistence = 't'").fetchall():
            session.execute(f"DROP TABLE {row['name']}")


def accept(stack: Stack, count: int, first: int = 0, **members: object) -> None:
    events = [{"event_type": "state.test", "payload": {"number": first + n},
               "event_id": f"key {first + n}", **members} for n in range(count)]
    answer = stack.post(events)
    assert answer.status_code == 202, answer.text


def accept_with_poison(stack: Stack) -> None:
    events = [{"event_type": "state.test", "title": "poison" if n == 4 else "good",
               "payload": {"number": n}} for n in range(10)]
    assert stack.post(events).status_code == 202


def wait_only_the_poison_refused(stack: Stack) -> None:
    stack.wait_count(9, seconds=60)
    stack.wait_drained()
    assert stack.count("title = 'good'") == stack.count() == 9
    assert [row["sqlstate"] for row in stack.database.rows("SELECT * FROM quarantine")] == [SQLSTATE]


def all_stored(stack: Stack, count: int) -> None:
    stack.wait_count(count, seconds=60)
    stack.wait_drained()
    assert stack.count() == count
    assert stack.database.rows("SELECT reason, message FROM quarantine") == []
    wait_for("/health healthy", lambda: stack.consumer.health()["status"] == "healthy")


def test_a_dropped_temporary_table_is_found_while_idle_and_made_again(stack: Stack) -> None:
    before = sessions(stack.database)
    drop_stages(stack.database)
    wait_for("new sessions", lambda: not sessions(stack.database) & before, 40)
    accept(stack, 10)
    all_stored(stack, 10)
    assert '"holdfast.sqlstate":"42P01"' in stack.consumer.log_text()


def test_a_temporary_table_dropped_under_redeliveries_stops_nothing(
        make_stack: Callable[..., Stack]) -> None:
    """A redelivered batch goes through it at once."""
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
    with stack.database.connect() as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE")
        accept(stack, 10)
        wait_for("the batch waiting for the lock", lambda: stack.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"))
        stack.consumer.kill9()
        blocker.execute("ROLLBACK")
    stack.consumer.restart()
    drop_stages(stack.database)
    all_stored(stack, 10)


def forget_once(database: Database, table: str, what: str) -> None:
    """A trigger runs in the consumer's session: what a pooler's reset takes away, once."""
    with database.connect() as session:
        session.execute("CREATE SEQUENCE once")  # rolled back with no transaction
        session.execute("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                        f" IF nextval('public.once') = 1 THEN {what}; END IF; RETURN NULL; END $$")
        session.execute("GRANT USAGE ON SEQUENCE once TO holdfast_writer")
        session.execute("GRANT EXECUTE ON FUNCTION forget TO holdfast_writer")
        session.execute(f"CREATE TRIGGER forget AFTER INSERT ON {table} FOR EACH STATEMENT"
                        " EXECUTE FUNCTION forget()")


def test_a_session_whose_statements_are_gone_is_replaced(make_stack: Callable[..., Stack],
                                                         database: Database) -> None:
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
    accept(stack, 1)
    stack.wait_count(1)
    forget_once(database, "event_keys", "DEALLOCATE ALL")
    before = sessions(database)
    accept(stack, 20, first=1)
    all_stored(stack, 21)
    assert sessions(database) - before
    assert '"holdfast.sqlstate":"26000"' in stack.consumer.log_text()


def test_a_session_whose_settings_are_gone_commits_no_weaker(make_stack: Callable[..., Stack],
                                                             database: Database) -> None:
    """RESET ALL would leave the commit to a default of off; the transaction says it again."""
    with database.connect() as session:
        session.execute(f'ALTER DATABASE "{database.name}" SET synchronous_commit = off')
        session.execute("CREATE TABLE seen (setting text)")
        session.execute("CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                        " $$ BEGIN INSERT INTO public.seen VALUES"
                        " (current_setting('synchronous_commit')); RETURN NULL; END $$")
        session.execute("CREATE CONSTRAINT TRIGGER look AFTER INSERT ON batches DEFERRABLE"
                        " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look()")
    forget_once(database, "log_events", "RESET synchronous_commit")
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
    accept(stack, 3)
    all_stored(stack, 3)
    assert [row["setting"] for row in database.rows("SELECT * FROM seen")] == ["on"]


def test_a_role_changed_under_a_session_is_left_with_it(make_stack: Callable[..., Stack],
                                                        database: Database) -> None:
    with database.connect() as session:
        session.execute("GRANT holdfast_reader TO rig_writer")
    try:
        stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
        accept(stack, 1)
        stack.wait_count(1)
        forget_once(database, "event_keys", "SET ROLE holdfast_reader")
        accept(stack, 20, first=1)
        all_stored(stack, 21)
    finally:
        with database.connect() as session:
            session.execute("REVOKE holdfast_reader FROM rig_writer")


def test_a_temporary_table_dropped_before_a_search_blames_nobody(
        make_stack: Callable[..., Stack], database: Database) -> None:
    """The search is what needs the table: the batch itself was copied without it."""
    Refusal(database).switch(POISON)
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
    drop_stages(database)
    accept_with_poison(stack)
    wait_only_the_poison_refused(stack)


def test_a_session_ended_in_the_middle_of_a_search_blames_nobody(
        make_stack: Callable[..., Stack], database: Database) -> None:
    Refusal(database).switch(POISON)
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1"})
    with database.connect() as beside:
        beside.execute("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                       " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$")
        beside.execute("SELECT pg_advisory_lock(42)")
        beside.execute("CREATE TRIGGER hold BEFORE INSERT ON log_events FOR EACH STATEMENT"
                       " WHEN (current_query() ~ 'SAVEPOINT piece') EXECUTE FUNCTION hold()")
        accept_with_poison(stack)
        held = wait_for("the search held", lambda: beside.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall())
        beside.execute("SELECT pg_terminate_backend(%s, 5000)", (held[0]["pid"],))
        beside.execute("SELECT pg_advisory_unlock(42)")
    wait_only_the_poison_refused(stack)
