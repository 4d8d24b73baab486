# SPDX-License-Identifier: Apache-2.0
"""Migrating as an administrator who is no superuser, as every managed database has them; several of
them share the roles of one server. Whatever version of PostgreSQL is installed."""
import secrets
import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from rig.database import Cluster, Database
from rig.process import run
from rig.stack import base_env, program

KEY = "INSERT INTO event_keys (event_id, id, digest, received_at)" \
      " VALUES ('k', gen_random_uuid(), '', now())"


@pytest.fixture
def server(rig_folder, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of its own: roles are the whole server's."""
    server = Cluster(rig_folder / f"admins-{secrets.token_hex(4)}", {"shared_buffers": "16MB"})
    try:
        server.start()
        with server.connect("postgres") as superuser:
            for admin in ("first", "second"):
                superuser.execute(f"CREATE ROLE {admin} LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        yield server
    finally:
        server.kill9()


def migrate(server: Cluster, admin: str, database: str, *args: str):
    env = Database(server, database).env()
    return run([program("holdfast"), "migrate", *args], base_env(**{
        **env, "DATABASE_USER": "storing", "DATABASE_PASSWORD": "x", "DATABASE_ADMIN_USER": admin,
        "DATABASE_ADMIN_PASSWORD": "x", "DATABASE_READER_PASSWORD": "x"}))


def login(server: Cluster, user: str, database: str) -> psycopg.Connection:
    return server.connect(database, user=user, password="x")


def stores(server: Cluster, user: str, database: str) -> None:
    with login(server, user, database) as session:
        session.execute(KEY)
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("DELETE FROM event_keys")


def own_database(server: Cluster, admin: str, name: str) -> None:
    with login(server, admin, "postgres") as session:
        session.execute(f"CREATE DATABASE {name}")


def test_an_admin_without_superuser_migrates_a_database_of_their_own(server: Cluster) -> None:
    own_database(server, "first", "own")
    done = migrate(server, "first", "own", "--writer", "storing", "--reader", "reading")
    assert done.returncode == 0, done.stderr
    assert migrate(server, "first", "own").returncode == 0
    stores(server, "storing", "own")
    with login(server, "reading", "own") as session:
        session.execute("SELECT * FROM log_events, event_keys")


def test_an_admin_without_superuser_has_the_database_made(server: Cluster) -> None:
    done = migrate(server, "first", "made", "--create-database", "--writer", "storing")
    assert done.returncode == 0, done.stderr
    stores(server, "storing", "made")


def test_an_admin_may_be_the_writer_too(server: Cluster) -> None:
    """Who made a role is a member of it, and has none of its rights before it is granted."""
    assert migrate(server, "first", "made", "--create-database", "--writer", "first").returncode == 0
    with login(server, "first", "made") as session:
        session.execute(KEY)


@pytest.mark.parametrize("first", ["first", "rig_admin"])
def test_a_second_admin_works_or_is_told_the_exact_words(server: Cluster, first: str) -> None:
    if first == "first":
        assert migrate(server, "first", "one", "--create-database").returncode == 0
    else:
        done = run([program("holdfast"), "migrate", "--create-database"],
                   base_env(**Database(server, "one").admin_env()))
        assert done.returncode == 0, done.stderr
    arguments = ("second", "two", "--create-database", "--writer", "storing")
    done = migrate(server, *arguments)
    with server.connect("postgres") as superuser:
        if superuser.info.server_version >= 160000:
            words = ("GRANT holdfast_owner, holdfast_writer, holdfast_reader, holdfast_migrator"
                     " TO \"second\" WITH ADMIN OPTION")
            assert done.returncode == 1 and words in done.stderr, done.stderr
            superuser.execute(words)
            done = migrate(server, *arguments)
    assert done.returncode == 0, done.stderr
    stores(server, "storing", "two")


def test_two_admins_at_once(server: Cluster) -> None:
    own_database(server, "first", "a")
    with server.connect("postgres") as superuser:
        superuser.execute("ALTER ROLE second SUPERUSER")
    results = []
    threads = [threading.Thread(target=lambda who=who: results.append(migrate(server, *who)))
               for who in (("first", "a"), ("second", "b", "--create-database"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who loses the race for making the roles has no right to grant them, and is told so.
    told = [done.stderr for done in results if done.returncode != 0]
    assert all("WITH ADMIN OPTION" in text for text in told) and len(told) <= 1, told


def test_a_migrator_applies_what_comes_later(server: Cluster) -> None:
    own_database(server, "first", "own")
    assert migrate(server, "first", "own").returncode == 0
    with login(server, "first", "own") as session:
        session.execute("CREATE ROLE later LOGIN PASSWORD 'x'")
        session.execute("GRANT holdfast_migrator TO later")
    with server.connect("own") as superuser:
        superuser.execute("DELETE FROM schema_migrations WHERE version = 9")
        superuser.execute("ALTER TABLE event_keys DROP COLUMN claimed_at")
        superuser.execute("CREATE INDEX event_keys_received_at ON event_keys (received_at)")
        superuser.execute("DROP FUNCTION ensure_months")
    done = migrate(server, "later", "own")
    assert done.returncode == 0 and "applied 0009" in done.stdout, done.stderr
