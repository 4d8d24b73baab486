# SPDX-License-Identifier: Apache-2.0
"""`holdfast doctor` names each fault of seed 003's troubleshooting list, and how to fix it (L17)."""
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from rig.broker import Vhost
from rig.clock import Clock
from rig.database import Database
from rig.process import run
from rig.stack import Stack, base_env, program


def doctor(broker: Vhost, database: Database, *args: str, **env: str) -> tuple[int, dict[str, dict]]:
    settings = {**broker.env(), **database.env(), "HOLDFAST_URL": "http://127.0.0.1:1", **env}
    """How long it waits is of no matter where something is wrong; where all is well, it is long."""
    timeout = "3" if "HOLDFAST_URL" not in env else "30"
    done = run([program("holdfast"), "doctor", "--json", "--timeout", timeout, *args],
               base_env(**settings))
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in report["checks"]}


def test_all_is_well(stack: Stack) -> None:
    code, checks = doctor(stack.broker, stack.database, HOLDFAST_URL=stack.url)
    assert code == 0, checks
    assert {c["state"] for c in checks.values()} == {"ok"}
    assert list(checks) == ["producer", "broker", "queue", "urgent queue", "dead letters", "database",
                            "schema", "durability", "rights", "partitions", "clocks",
                            "accept", "store"]
    assert stack.count("event_type = 'holdfast.doctor'") == 1


def test_the_table_for_people_has_the_same_rows(stack: Stack) -> None:
    done = stack.cli("doctor")
    assert done.returncode == 0, done.stdout
    assert "✓ store" in done.stdout and "committed row" in done.stdout


def test_no_send_stores_nothing(stack: Stack) -> None:
    code, checks = doctor(stack.broker, stack.database, "--no-send", HOLDFAST_URL=stack.url)
    assert code == 0 and "accept" not in checks
    assert stack.count() == 0


def test_connection_refused_everywhere(broker: Vhost, database: Database) -> None:
    code, checks = doctor(broker, database, RABBITMQ_PORT="1", DATABASE_PORT="1")
    assert code == 5
    for name, word in (("producer", "holdfast-producer"), ("broker", "start RabbitMQ"),
                       ("database", "start PostgreSQL")):
        assert checks[name]["state"] == "unavailable" and "refused" in checks[name]["detail"]
        assert word in checks[name]["mend"]


def test_wrong_passwords(broker: Vhost, database: Database) -> None:
    _, checks = doctor(broker, database, RABBITMQ_PASSWORD="wrong", DATABASE_PASSWORD="wrong")
    assert checks["broker"]["state"] == "failed" and "RABBITMQ_PASSWORD" in checks["broker"]["mend"]
    assert "28P01" in checks["database"]["detail"] and "DATABASE_PASSWORD" in checks["database"]["mend"]


def test_a_missing_virtual_host_and_database(broker: Vhost, database: Database) -> None:
    _, checks = doctor(broker, database, RABBITMQ_VHOST="nosuch", DATABASE_NAME="nosuch")
    assert "rabbitmqctl add_vhost nosuch" in checks["broker"]["mend"]
    assert "--create-database" in checks["database"]["mend"]


def test_a_missing_queue(broker: Vhost, database: Database) -> None:
    code, checks = doctor(broker, database)
    assert code == 5  # the producer is away
    assert checks["queue"]["state"] == "failed" and "404" in checks["queue"]["detail"]
    assert "start one of them" in checks["queue"]["mend"]


def test_an_unmigrated_database(broker: Vhost, empty_database: Database) -> None:
    _, checks = doctor(broker, empty_database)
    assert checks["schema"]["state"] == "failed" and "holdfast migrate" in checks["schema"]["mend"]
    assert "partitions" not in checks


def test_nobody_consumes(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    code, checks = doctor(stack.broker, stack.database, HOLDFAST_URL=stack.url)
    assert code == 1
    assert "no consumers" in checks["queue"]["detail"]
    assert checks["accept"]["state"] == "ok" and checks["store"]["state"] == "failed"
    assert "start holdfast-consumer" in checks["store"]["mend"]


def test_a_missing_partition(broker: Vhost, database: Database) -> None:
    with database.connect() as session:
        session.execute("DROP TABLE log_events_" + datetime.now(timezone.utc).strftime("%Y_%m"))
    _, checks = doctor(broker, database)
    assert checks["partitions"]["state"] == "failed" and "holdfast migrate" in checks["partitions"]["mend"]


def test_a_login_without_rights(broker: Vhost, database: Database) -> None:
    with database.server.connect("postgres") as admin:
        admin.execute("DROP ROLE IF EXISTS nobody_here")
        admin.execute("CREATE ROLE nobody_here LOGIN PASSWORD 'x'")
    _, checks = doctor(broker, database, DATABASE_USER="nobody_here", DATABASE_PASSWORD="x")
    assert checks["schema"]["state"] == "failed"
    assert "holdfast migrate --writer nobody_here" in checks["schema"]["mend"]


def clocks(stack: Stack, **env: str) -> dict:
    env = {"HOLDFAST_URL": stack.url, "METRICS_HOST": "127.0.0.1",
           "METRICS_PORT": str(stack.consumer.port), **env}
    return doctor(stack.broker, stack.database, "--no-send", **env)[1]["clocks"]


def test_whose_clock_is_wrong_is_told(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    producers, consumers, own = (Clock(tmp_path / name) for name in ("producer", "consumer", "own"))
    stack = make_stack(producer_env=producers.env, consumer_env=consumers.env)
    assert clocks(stack)["state"] == "ok"
    producers.set("+400d")
    found = clocks(stack)
    assert found["state"] == "failed" and "set the clock of: producer;" in found["mend"]
    assert "producer 400 days ahead of the database's, consumer as the database's" in found["detail"]
    producers.set("+0")
    consumers.set("-2d")
    found = clocks(stack)
    assert "consumer 2 days behind the database's" in found["detail"]
    assert "set the clock of: consumer;" in found["mend"] and "chrony" in found["mend"]
    consumers.set("+0")
    own.set("+90m")
    found = clocks(stack, **own.env)
    assert "this machine 1 h 30 min ahead of the database's, producer as the" in found["detail"]
    assert "set the clock of: this machine;" in found["mend"]


def test_a_clock_some_seconds_off_is_a_note(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    producers = Clock(tmp_path / "producer")
    stack = make_stack(producer_env=producers.env)
    producers.set("-90s")
    found = clocks(stack)
    assert found["state"] == "note" and "producer 1 min 30 s behind" in found["detail"]


def test_when_every_clock_differs_it_is_the_databases(make_stack: Callable[..., Stack],
                                                      tmp_path: Path) -> None:
    everybody = Clock(tmp_path / "clock")
    stack = make_stack(producer_env=everybody.env, consumer_env=everybody.env)
    everybody.set("+1d")
    found = clocks(stack, **everybody.env)
    assert found["state"] == "failed" and "every clock differs from PostgreSQL's" in found["mend"]


def test_a_consumer_that_does_not_answer_is_not_told(stack: Stack) -> None:
    found = clocks(stack, METRICS_PORT="1")
    assert found["state"] == "ok" and "consumer unknown" in found["detail"]


def test_settings_that_lose_events(broker: Vhost, database: Database) -> None:
    with database.connect() as session:
        session.execute(f'ALTER DATABASE "{database.name}" SET synchronous_commit = off')
    _, checks = doctor(broker, database)
    assert checks["durability"]["state"] == "failed"
    assert "synchronous_commit" in checks["durability"]["detail"]


@pytest.mark.parametrize("args", [["--bogus"], ["x"], ["--timeout", "x"]])
def test_wrong_usage(broker: Vhost, args: list[str]) -> None:
    assert run([program("holdfast"), "doctor", *args], base_env(**broker.env())).returncode == 2
