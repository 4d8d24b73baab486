# SPDX-License-Identifier: Apache-2.0
"""A trigger of the database's owner that refuses rows, to be switched while programs run."""
from collections.abc import Iterator
from contextlib import contextmanager

from rig.database import Database
from rig.wait import wait_for

NOTHING, POISON, EVERYTHING = "nothing", "poison", "everything"
SQLSTATE = "22023"

SETUP = f"""
SET ROLE holdfast_owner;
CREATE TABLE test_refusal (what text NOT NULL, held_after bigint);
INSERT INTO test_refusal VALUES ('{NOTHING}', NULL);
CREATE TABLE test_gate (n int);
INSERT INTO test_gate VALUES (0);
CREATE SEQUENCE test_refused;
CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule public.test_refusal;
BEGIN
    SELECT * INTO rule FROM public.test_refusal;
    IF rule.what = '{NOTHING}' OR (rule.what = '{POISON}' AND NEW.title IS DISTINCT FROM 'poison') THEN
        RETURN NEW;
    END IF;
    IF nextval('public.test_refused') > rule.held_after THEN
        PERFORM FROM public.test_gate FOR SHARE;
    END IF;
    RAISE EXCEPTION 'refused by the test: %', NEW.title USING ERRCODE = '{SQLSTATE}';
END $$;
CREATE TRIGGER test_refuse BEFORE INSERT ON log_events
    FOR EACH ROW EXECUTE FUNCTION test_refuse();
"""


class Refusal:
    """Nothing is refused at first. What is switched counts from the next row on."""

    def __init__(self, database: Database):
        self._database = database
        with database.connect() as session:
            session.execute(SETUP)

    def switch(self, what: str, held_after: int | None = None) -> None:
        """What is refused, and after how many rows a refusal waits for hold() to end; a sequence
        counts what is rolled back as well."""
        with self._database.connect() as session:
            session.execute("UPDATE test_refusal SET what = %s, held_after = %s", (what, held_after))

    @contextmanager
    def hold(self) -> Iterator[None]:
        with self._database.connect() as session, session.transaction():
            session.execute("SELECT FROM test_gate FOR UPDATE")
            yield

    def wait_held(self) -> None:
        wait_for("a refusal that waits", lambda: self._database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock'"))

    def end_sessions_and_switch(self, what: str) -> int:
        """Ends every consumer's session that is in a transaction; none of them sees the switch.
        How many there were."""
        with self._database.connect(autocommit=False) as session:
            session.execute("UPDATE test_refusal SET what = %s, held_after = NULL", (what,))
            ended = session.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'holdfast-consumer%' "
                "AND state <> 'idle'").fetchall()
        return len(ended)
