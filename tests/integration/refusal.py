# SPDX-License-Identifier: Apache-2.0
"""A trigger of the database's owner that refuses rows, to be switched while programs run."""
from rig.database import Database
from rig.wait import wait_for

NOTHING, POISON, EVERYTHING = "nothing", "poison", "everything"
SQLSTATE = "22023"

SETUP = f"""
SET ROLE holdfast_owner;
CREATE TABLE test_refusal (what text NOT NULL, seconds double precision NOT NULL);
INSERT INTO test_refusal VALUES ('{NOTHING}', 0);
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
    PERFORM nextval('public.test_refused'), pg_sleep(rule.seconds);
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

    def switch(self, what: str, seconds: float = 0.0) -> None:
        """What is refused, and how long each refusal takes."""
        with self._database.connect() as session:
            session.execute("UPDATE test_refusal SET what = %s, seconds = %s", (what, seconds))

    def wait_refused(self, rows: int) -> None:
        """Until so many rows were refused; a sequence counts what is rolled back as well."""
        wait_for(f"{rows} rows refused",
                 lambda: self._database.value("SELECT last_value FROM test_refused") >= rows,
                 every=0.02)

    def end_sessions_and_switch(self, what: str) -> int:
        """Ends every consumer's session that is in a transaction; none of them sees the switch.
        How many there were."""
        with self._database.connect(autocommit=False) as session:
            session.execute("UPDATE test_refusal SET what = %s, seconds = 0", (what,))
            ended = session.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'holdfast-consumer%' "
                "AND state <> 'idle'").fetchall()
        return len(ended)
