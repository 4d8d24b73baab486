# SPDX-License-Identifier: Apache-2.0
"""`holdfast migrate` and what the schema promises: who may do what, and that nobody changes an event."""
import secrets
import threading
from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

import event_columns
from rig.database import SUPERUSER, Cluster, Database
from rig.process import run
from rig.stack import SOURCE, base_env, program

MIGRATIONS = sorted((SOURCE / "schema" / "migrations").glob("*.sql"))
INSERT = ("INSERT INTO log_events (id, received_at, event_id, event_type, severity, occurred_at,"
          " routing_key, priority, batch_id, position) VALUES (gen_random_uuid(), now(), 'e', 't',"
          " 'info', now(), 'events.t', 5, gen_random_uuid(), 0)")


def migrate(database: Database, *args: str, **env: str):
    return run([program("holdfast"), "migrate", *args],
               base_env(**{**database.admin_env(), **env}))


def login(database: Database, user: str, password: str) -> psycopg.Connection:
    return database.connect(user=user, password=password)


@pytest.fixture
def writer(database: Database) -> psycopg.Connection:
    """A session with the rights of a consumer and no more."""
    with login(database, database.user, database.server.password) as session:
        yield session


def test_an_empty_database_gets_the_whole_schema(empty_database: Database) -> None:
    done = migrate(empty_database)
    assert done.returncode == 0, done.stderr
    rows = empty_database.rows("SELECT version, name, length(sha256) AS size FROM schema_migrations"
                               " ORDER BY version")
    assert [(f"{r['version']:04}_{r['name']}.sql", r["size"]) for r in rows] == \
        [(path.name, 64) for path in MIGRATIONS]
    may = empty_database.rows("SELECT r, has_database_privilege(r, current_database(), p) AS may,"
                              " p FROM unnest(ARRAY['holdfast_writer', 'holdfast_reader']) r,"
                              " unnest(ARRAY['CONNECT', 'TEMP', 'CREATE']) p ORDER BY r, p")
    assert [r["may"] for r in may] == [True, False, False, True, False, True]
    owners = empty_database.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert [r["tableowner"] for r in owners] == ["holdfast_owner"]


def test_migrating_again_changes_nothing(empty_database: Database) -> None:
    assert migrate(empty_database).returncode == 0
    before = empty_database.rows("SELECT * FROM schema_migrations")
    again = migrate(empty_database)
    assert again.returncode == 0 and "applied" not in again.stdout
    assert empty_database.rows("SELECT * FROM schema_migrations") == before


def test_status_tells_pending_and_applied_and_changes_nothing(empty_database: Database) -> None:
    pending = migrate(empty_database, "status")
    assert pending.returncode == 1 and pending.stdout.count("pending") == len(MIGRATIONS)
    assert empty_database.value("SELECT to_regclass('schema_migrations') IS NULL")
    assert migrate(empty_database).returncode == 0
    applied = migrate(empty_database, "status")
    assert applied.returncode == 0 and applied.stdout.count("applied") == len(MIGRATIONS)


def test_many_at_once_apply_each_migration_once(empty_database: Database) -> None:
    results = []
    threads = [threading.Thread(target=lambda: results.append(migrate(empty_database)))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.returncode for r in results] == [0] * 6, [r.stderr for r in results]
    assert sum(r.stdout.count("applied ") for r in results) == len(MIGRATIONS)


def test_two_databases_of_one_server_may_migrate_at_once(cluster: Cluster) -> None:
    names = [f"m{secrets.token_hex(4)}" for _ in range(4)]
    results = []

    def create(name: str) -> None:
        results.append(migrate(Database(cluster, name), "--create-database"))
    threads = [threading.Thread(target=create, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        Database(cluster, name).drop()
    assert [r.returncode for r in results] == [0] * 4, [r.stderr for r in results]


def test_a_changed_migration_is_refused(empty_database: Database) -> None:
    assert migrate(empty_database).returncode == 0
    with empty_database.connect() as session:
        session.execute("UPDATE schema_migrations SET sha256 = repeat('0', 64) WHERE version = 2")
    done = migrate(empty_database)
    assert done.returncode == 1
    assert "0002_log_events" in done.stderr and "another content" in done.stderr
    assert "CHANGED" in migrate(empty_database, "status").stdout


def test_a_database_of_a_newer_program_is_left_alone(empty_database: Database) -> None:
    assert migrate(empty_database).returncode == 0
    with empty_database.connect() as session:
        session.execute("INSERT INTO schema_migrations VALUES (9000, 'tomorrow', 'x')")
    done = migrate(empty_database)
    assert done.returncode == 1 and "newer holdfast" in done.stderr


def test_a_failing_migration_leaves_nothing_of_itself(empty_database: Database) -> None:
    with empty_database.connect() as session:
        session.execute("CREATE TABLE batches (x int)")
    done = migrate(empty_database)
    assert done.returncode == 1 and "0003_batches" in done.stderr
    versions = empty_database.rows("SELECT version FROM schema_migrations ORDER BY version")
    assert [r["version"] for r in versions] == [1, 2]
    with empty_database.connect() as session:
        session.execute("DROP TABLE batches")
    assert migrate(empty_database).returncode == 0


def test_create_database_and_logins_with_a_password_of_special_characters(cluster: Cluster) -> None:
    database = Database(cluster, f'we"ird {secrets.token_hex(4)}')
    user, password = f"w_{secrets.token_hex(4)}", "p@ss'w\"ör%d\\:/ $x"
    try:
        done = run([program("holdfast"), "migrate", "--create-database", "--writer", user,
                    "--reader", user],
                   base_env(**{**database.env(), "DATABASE_ADMIN_USER": SUPERUSER,
                               "DATABASE_ADMIN_PASSWORD": cluster.password,
                               "DATABASE_USER": user, "DATABASE_PASSWORD": password}))
        assert done.returncode == 0, done.stderr
        with login(database, user, password) as session:
            assert session.execute("SELECT COUNT(*) FROM log_events;").fetchone()["count"] == 0
            session.execute(INSERT)
            assert session.execute("SELECT COUNT(*) FROM log_events;").fetchone()["count"] == 1
        verifier = database.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (user,))
        assert str(verifier).startswith("SCRAM-SHA-256$")
    finally:
        with cluster.connect("postgres") as admin:
            admin.execute('DROP DATABASE IF EXISTS "{}" WITH (FORCE)'.format(
                database.name.replace('"', '""')))
            admin.execute(f'DROP ROLE IF EXISTS "{user}"')


def test_an_owner_who_may_create_roles_can_do_it_without_being_superuser(cluster: Cluster) -> None:
    admin_name, database = f"a_{secrets.token_hex(4)}", Database(cluster, f"m{secrets.token_hex(4)}")
    with cluster.connect("postgres") as admin:
        admin.execute(f"CREATE ROLE {admin_name} LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
        if admin.info.server_version >= 160000: # who did not make the roles has to be given them
            admin.execute("GRANT holdfast_owner, holdfast_writer, holdfast_reader, holdfast_migrator "
                          f"TO {admin_name} WITH ADMIN OPTION")
    try:
        done = migrate(database, "--create-database", DATABASE_USER=admin_name, DATABASE_PASSWORD="x")
        assert done.returncode == 0, done.stderr
        assert database.value("SELECT count(*) FROM schema_migrations") == len(MIGRATIONS)
    finally:
        database.drop()
        with cluster.connect("postgres") as admin:
            admin.execute(f"DROP OWNED BY {admin_name}; DROP ROLE {admin_name}")


def test_faults_have_their_own_words_and_exit_codes(empty_database: Database) -> None:
    wrong = migrate(empty_database, DATABASE_PASSWORD="wrong")
    assert wrong.returncode == 4 and "28P01" in wrong.stderr
    away = migrate(empty_database, DATABASE_PORT="1")
    assert away.returncode == 5 and "refused" in away.stderr
    missing = migrate(empty_database, DATABASE_NAME="nosuch")
    assert missing.returncode == 1 and "--create-database" in missing.stderr
    assert migrate(empty_database, "sideways").returncode == 2
    misspelt = migrate(empty_database, "--wiat", "3")
    assert misspelt.returncode == 2 and "did you mean --wait?" in misspelt.stderr


def test_wait_waits_for_a_server_that_starts_late(cluster: Cluster, empty_database: Database) -> None:
    cluster.stop()
    results = []
    thread = threading.Thread(
        target=lambda: results.append(migrate(empty_database, "--wait", "30")))
    thread.start()
    cluster.start()
    thread.join()
    assert results[0].returncode == 0, results[0].stderr


def test_partitions_are_there_for_this_month_and_three_more(database: Database) -> None:
    now = datetime.now(timezone.utc)
    months = [(now.year + (now.month - 1 + n) // 12, (now.month - 1 + n) % 12 + 1) for n in range(4)]
    found = database.rows("SELECT inhrelid::regclass::text AS name FROM pg_inherits"
                          " WHERE inhparent = 'log_events'::regclass ORDER BY 1")
    assert [r["name"] for r in found] == [f"log_events_{y}_{m:02}" for y, m in months]


def test_ensure_partitions_is_idempotent_bounded_and_in_utc(
        database: Database, writer: psycopg.Connection) -> None:
    def ensure(start: str, end: str) -> int:
        row = writer.execute("SELECT ensure_partitions(%s, %s) AS made", (start, end)).fetchone()
        return row["made"]
    writer.execute("SET timezone = 'Pacific/Auckland'")
    assert ensure("2031-01-31 23:59:59.999999Z", "2031-02-01 00:00:00Z") == 2
    assert ensure("2031-01-31 23:59:59.999999Z", "2031-02-01 00:00:00Z") == 0
    with database.connect() as session:
        session.execute("SET timezone = 'UTC'")
        bound = session.execute("SELECT pg_get_expr(relpartbound, oid) AS b FROM pg_class WHERE"
                                " relname = 'log_events_2031_01'").fetchone()["b"]
    assert bound == ("FOR VALUES FROM ('2031-01-01 00:00:00+00') TO ('2031-02-01 00:00:00+00')")
    assert ensure("2041-01-01Z", "2050-12-31Z") == 120
    for start, end in (("2060-01-01Z", "2070-01-01Z"), ("1969-12-31 23:59Z", "1970-01-01Z"),
                       ("2200-12-01Z", "2201-01-01Z"), ("2032-02-01Z", "2032-01-01Z"),
                       ("-infinity", "infinity")):
        with pytest.raises(errors.InvalidParameterValue):
            ensure(start, end)


def test_partitions_are_made_while_others_insert(database: Database, writer: psycopg.Connection) -> None:
    with login(database, database.user, database.server.password) as other:
        with other.transaction():
            other.execute(INSERT)
            writer.execute("SET lock_timeout = '2s'")
            made = writer.execute("SELECT ensure_partitions('2033-01-01Z', '2033-03-01Z') AS made")
            assert made.fetchone()["made"] == 3
            other.execute(INSERT)


def test_many_make_the_same_partitions_at_once(database: Database) -> None:
    made = []

    def ensure() -> None:
        with login(database, database.user, database.server.password) as session:
            made.append(session.execute("SELECT ensure_partitions('2034-01-01Z', '2034-12-31Z')"
                                        " AS made").fetchone()["made"])
    threads = [threading.Thread(target=ensure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0] * 7 + [12]


FORBIDDEN_TO_WRITER = [
    "SELECT * FROM log_events", "SELECT count(*) FROM log_events",
    "UPDATE log_events SET title = 'x'", "DELETE FROM log_events", "TRUNCATE log_events",
    "COPY log_events TO STDOUT", "SELECT * FROM log_events_{month}",
    "INSERT INTO log_events (stored_at) VALUES (now())",
    "INSERT INTO batches (batch_id, xid, consumer, events) VALUES (gen_random_uuid(), '1', 'c', 0)",
    "SELECT * FROM batches", "UPDATE batches SET events = 0", "DELETE FROM batches",
    "SELECT received_at FROM event_keys", "UPDATE event_keys SET id = id", "DELETE FROM event_keys",
    "SELECT raw FROM quarantine", "DELETE FROM quarantine", "UPDATE quarantine SET raw = ''",
    "UPDATE quarantine SET state = 'discarded'", "SELECT * FROM users",
    "INSERT INTO review_sessions (id) VALUES (1)", "INSERT INTO schema_migrations VALUES (9, 'x', 'x')",
    "CREATE TABLE mine (x int)", "DROP TABLE log_events", "ALTER TABLE log_events DISABLE TRIGGER ALL",
    "SET ROLE holdfast_owner", "SET ROLE holdfast_reader",
]


@pytest.mark.parametrize("statement", FORBIDDEN_TO_WRITER)
def test_the_writer_may_not(statement: str, writer: psycopg.Connection) -> None:
    month = datetime.now(timezone.utc).strftime("%Y_%m")
    with pytest.raises(errors.InsufficientPrivilege):
        writer.execute(statement.format(month=month))


ALLOWED_TO_WRITER = [
    INSERT, INSERT + " ON CONFLICT DO NOTHING",
    "INSERT INTO batches (batch_id, consumer, events) VALUES (gen_random_uuid(), 'c', 1)",
    "INSERT INTO event_keys VALUES ('k', gen_random_uuid(), '\\x00', now())"
    " ON CONFLICT DO NOTHING RETURNING event_id",
    "SELECT event_id, id, digest FROM event_keys",
    "INSERT INTO quarantine (reason, message, raw, digest) VALUES ('data', 'm', '\\x01',"
    " sha256('\\x01')) ON CONFLICT (reason, digest, coalesce(message_id, '')) DO UPDATE SET"
    " attempts = quarantine.attempts + 1, last_seen = now()",
    "CREATE TEMP TABLE staging (x int)", "SELECT ensure_partitions(now(), now())",
    "SELECT purge_event_keys('30 days')", "SELECT max(version) FROM schema_migrations",
]


@pytest.mark.parametrize("statement", ALLOWED_TO_WRITER)
def test_the_writer_may(statement: str, writer: psycopg.Connection) -> None:
    writer.execute(statement)
    writer.execute(statement.replace("CREATE TEMP", "CREATE TEMP TABLE again (x int); CREATE TEMP")
                   .replace("staging", "staging2"))


def test_the_reader_reads_everything_and_writes_nothing(database: Database) -> None:
    with database.connect() as session:
        session.execute("SET ROLE holdfast_reader")
        for table in ("log_events", "batches", "event_keys", "quarantine", "users", "review_sessions",
                      "schema_migrations", "log_events_" + datetime.now(timezone.utc).strftime("%Y_%m")):
            session.execute(f"SELECT count(*) FROM {table}")
        for statement in (INSERT, "DELETE FROM quarantine",
                          "SELECT ensure_partitions(now(), now())",
                          "SELECT purge_event_keys('30 days')"):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(statement)


def test_an_event_cannot_be_changed_even_by_the_owner_or_a_superuser(database: Database) -> None:
    month = datetime.now(timezone.utc).strftime("%Y_%m")
    with database.connect() as session:
        session.execute(INSERT)
        for role in ("holdfast_owner", SUPERUSER):
            session.execute(f"SET ROLE {role}")
            for table in ("log_events", f"log_events_{month}"):
                for statement in (f"UPDATE {table} SET title = 'x'", f"DELETE FROM {table}",
                                  f"TRUNCATE {table}"):
                    with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
                        session.execute(statement)
        assert session.execute("SELECT count(*) FROM log_events").fetchone()["count"] == 1


def test_nonsense_is_refused_by_the_database(database: Database) -> None:
    for column, value in (("payload", "[]"), ("state", "1"), ("metadata", "null")):
        with pytest.raises(errors.CheckViolation, match="bodies_are_objects"):
            database.rows(INSERT.replace("routing_key,", f"routing_key, {column},")
                          .replace("'events.t',", f"'events.t', '{value}',"))
    for column, value in (("session_id", "0"), ("duration_ms", "'NaN'"), ("duration_ms", "-1"),
                          ("duration_ms", "'Infinity'")):
        with pytest.raises(errors.CheckViolation):
            database.rows(INSERT.replace("routing_key,", f"routing_key, {column},")
                          .replace("'events.t',", f"'events.t', {value},"))


def test_old_keys_are_forgotten_in_steps(database: Database, writer: psycopg.Connection) -> None:
    with database.connect() as session:
        session.execute("INSERT INTO event_keys (event_id, id, digest, received_at, claimed_at)"
                        " SELECT 'old' || n, gen_random_uuid(), '',"
                        " now(), now() - interval '31 days' FROM generate_series(1, 12000) n")
        session.execute("INSERT INTO event_keys (event_id, id, digest, received_at, claimed_at)"
                        " SELECT 'new' || n, gen_random_uuid(), '',"
                        " now(), now() - interval '29 days' FROM generate_series(1, 100) n")
    steps = []
    while not steps or steps[-1]:
        row = writer.execute("SELECT purge_event_keys('30 days') AS n").fetchone()
        steps.append(row["n"])
    assert steps == [5000, 5000, 2000, 0]
    assert database.value("SELECT count(*) FROM event_keys") == 100
    with pytest.raises(errors.InvalidParameterValue):
        writer.execute("SELECT purge_event_keys('1 minute')")


def test_a_function_of_the_owner_is_not_fooled_by_a_search_path(
        database: Database, writer: psycopg.Connection) -> None:
    writer.execute("CREATE TEMP TABLE event_keys (event_id text, received_at timestamptz)")
    writer.execute("CREATE FUNCTION pg_temp.date_trunc(text, timestamp) RETURNS timestamp"
                   " LANGUAGE sql AS $$ SELECT now()::timestamp $$")
    writer.execute("SET search_path = pg_temp, public")
    assert writer.execute("SELECT public.ensure_partitions('2035-01-01Z', '2035-01-01Z') AS n"
                          ).fetchone()["n"] == 1
    assert database.value("SELECT to_regclass('log_events_2035_01') IS NOT NULL")


def test_the_columns_follow_the_event(database: Database) -> None:
    columns = {r["name"]: r["type"] for r in database.rows(
        "SELECT attname AS name, replace(format_type(atttypid, NULL), 'timestamp with time zone',"
        " 'timestamptz') AS type FROM pg_attribute"
        " WHERE attrelid = 'log_events'::regclass AND attnum > 0 AND NOT attisdropped")}
    assert columns == {c.name: c.sql_type for c in event_columns.read()}


def test_a_column_left_out_is_what_absence_means(database: Database) -> None:
    """The consumer leaves columns out of a COPY when no event of the batch has a value, and writes
    null or {} when another one has: a default must not tell the two apart."""
    rows = database.rows("""SELECT column_name AS name, column_default AS value
                            FROM information_schema.columns
                            WHERE table_name = 'log_events' AND column_default IS NOT NULL""")
    assert {row["name"]: row["value"] for row in rows} == {
        "stored_at": "now()",  # never sent
        "payload": "'{}'::jsonb", "state": "'{}'::jsonb", "metadata": "'{}'::jsonb"}


def test_the_migrations_run_in_psql_too(empty_database: Database, tmp_path: Path) -> None:
    env = base_env(PGHOST=empty_database.host, PGPORT=str(empty_database.port), PGUSER=SUPERUSER,
                   PGPASSWORD=empty_database.server.password, PGDATABASE=empty_database.name)
    for path in MIGRATIONS:
        done = run(["psql", "-qX1", "-v", "ON_ERROR_STOP=1", "-f", str(path)], env)
        assert done.returncode == 0, done.stderr
    assert empty_database.value("SELECT count(*) FROM log_events") == 0
