# SPDX-License-Identifier: Apache-2.0
"""What the five older systems required of writing, a test each, named after its line: C the CNS event
logger, M central event logging, B the event bus, L the code reviewer's logging service, N the naq
event service. Those about the catalogue, other forms of events and the feed have files of their own.
"""
import json
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.database import Database
from rig.process import run
from rig.stack import Stack, base_env, program
from rig.wait import free_port, wait_for
from seeds import BOM, Way, faults, judged, stored, until_row

MAHAVISHNU = {"id": "m-1", "timestamp": "2026-01-31T12:00:00.5+01:00", "system": "mahavishnu",
              "event_type": "workflow_started", "severity": "info", "title": "RAG pipeline started",
              "description": "Processing repository", "data": {"repo": "/path/to/repo"},
              "tags": ["workflow", "rag"], "correlation_id": "wf_123",
              "source_component": "orchestrator", "duration_ms": 12, "metadata": {"host": "a"}}


@pytest.fixture
def way(make_stack: Callable[..., Stack]) -> Way:
    return Way(make_stack(consumers=0))


def settings(name: str, **env: str) -> dict[str, str]:
    """Of --print-config: name -> value."""
    done = run([program(name), "--print-config"], base_env(**env))
    assert done.returncode == 0, done.stderr
    return dict(line.split("  #")[0].split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_C3_logging_never_breaks_the_caller_and_returns_the_id_or_nothing(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    done = stack.cli("send", "-t", "x")
    assert done.returncode == 0 and re.fullmatch(r"[0-9a-f-]{36}\n", done.stdout)
    begin = time.monotonic()
    away = stack.cli("send", "-t", "x", "--timeout", "2",
                     HOLDFAST_URL=f"http://127.0.0.1:{free_port()}")
    assert (away.returncode, away.stdout) == (5, "") and away.stderr
    assert time.monotonic() - begin < 30


def test_C4_enrichment_events(way: Way) -> None:
    sent = {"event_id": "c4", "event_type": "processing_started", "routing_key": "cns.processing.started",
            "bom_id": BOM, "organization_id": "org-123", "project_id": "p", "user_id": "u",
            "source": "customer", "workflow_id": "w", "state": {"step": 1}, "payload": {"total_items": 1},
            "timestamp": "2026-01-31T12:00:00Z"}
    way.post(sent)
    way.post({"event_type": "x", "event_id": "other", "bom_id": BOM})
    way.store()
    way.row("other")
    rows = way.stack.database.rows("SELECT * FROM enrichment_events")
    assert len(rows) == 1
    row = rows[0]
    assert list(row) == ["id", "event_id", "event_type", "routing_key", "bom_id", "tenant_id",
                         "organization_id", "project_id", "user_id", "source", "workflow_id", "state",
                         "payload", "created_at"]
    assert {k: row[k] for k in sent if k in row} == {k: v for k, v in sent.items() if k in row}
    assert row["created_at"].isoformat() == "2026-01-31T12:00:00+00:00"
    assert row["tenant_id"] == "org-123"


def test_C13_priority_takes_the_lane(way: Way) -> None:
    for priority in range(10):
        way.post({"event_type": "x", "event_id": f"p{priority}", "priority": priority})
    way.store()
    assert [judged(way, f"p{n}") for n in range(10)] == \
        [("events.x", n, "urgent" if n >= 7 else "normal", "info") for n in range(10)]


def test_C18_RABBITMQ_PASS(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(start=False)
    for daemon in stack.daemons:
        daemon.env["RABBITMQ_PASS"] = daemon.env.pop("RABBITMQ_PASSWORD")
    stack.start()
    stored(stack, {"event_type": "x"})


def test_C19_indexes_serve_bom_tenant_type_and_workflow(database: Database) -> None:
    with database.connect() as session:
        session.execute(
            "INSERT INTO log_events (id, received_at, event_id, event_type, severity, occurred_at,"
            " routing_key, priority, bom_id, organization_id, workflow_id, batch_id, position)"
            " SELECT gen_random_uuid(), now(), n, 'type-' || n, 'info', now(), 'cns.x', 5, 'bom-' || n,"
            " 'org-' || n, 'flow-' || n, gen_random_uuid(), 0 FROM generate_series(1, 5000) n")
        session.execute("ANALYZE log_events")
        for column, value, index in (("bom_id", "bom-7", "bom_id_idx"), ("tenant_id", "org-7", "coalesce"),
                                     ("event_type", "type-7", "event_type_occurred_at"),
                                     ("workflow_id", "flow-7", "workflow_id_idx")):
            plan = "\n".join(r["QUERY PLAN"] for r in session.execute(
                f"EXPLAIN SELECT * FROM enrichment_events WHERE {column} = '{value}'").fetchall())
            assert re.search(rf"Index.* log_events_\d+_\d+_{index}", plan), plan


def test_M1_all_fields(stack: Stack) -> None:
    row = stored(stack, MAHAVISHNU)
    same = ["system", "event_type", "severity", "title", "description", "tags", "correlation_id",
            "source_component", "duration_ms", "metadata"]
    assert {k: row[k] for k in same} == {k: MAHAVISHNU[k] for k in same}
    assert (row["event_id"], row["payload"]) == ("m-1", {"repo": "/path/to/repo"})
    assert row["occurred_at"].isoformat() == "2026-01-31T11:00:00.500000+00:00"


def test_M2_systems_and_severities(stack: Stack) -> None:
    systems = ["mahavishnu", "crackerjack", "session_buddy", "akosha", "oneiric"]
    levels = ["debug", "info", "warning", "error", "critical"]
    sent = [{"event_type": "config_changed", "system": s, "severity": level}
            for s in systems for level in levels]
    assert stack.post(sent).status_code == 202
    stack.wait_count(25)
    rows = stack.database.rows("SELECT system, severity FROM log_events ORDER BY system, severity")
    assert [(r["system"], r["severity"]) for r in rows] == [(s, x) for s in sorted(systems) for x in levels]


def test_M4_one_many_and_a_thousand_a_second(stack: Stack) -> None:
    stored(stack, {"event_type": "one"})
    rates = []

    def is_fast_enough() -> bool:
        """What else the machine does may slow it down; nothing makes it faster than it is."""
        begin, name = time.monotonic(), f"many {len(rates)}"
        answer = stack.post([{"event_type": name, "payload": {"n": n}} for n in range(5000)],
                            timeout=60)
        assert answer.status_code == 202 and answer.json()["accepted"] == 5000
        stack.wait_count(5000, "event_type = %s", (name,))
        rates.append(5000 / (time.monotonic() - begin))
        return rates[-1] > 1000
    wait_for("a thousand events a second", is_fast_enough, 90)


def test_M5_what_was_accepted_outlives_kills_of_everything(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    accepted = []
    for n in range(20):
        accepted.append(stack.post({"event_type": "x", "payload": {"n": n}}).json()["event_id"])
        if n == 10:
            stack.consumer.kill9()
    stack.producer.kill9()
    stack.broker.kill9()
    stack.database.kill9()
    stack.database.start()
    stack.broker.start()
    stack.start()
    stack.wait_count(20)
    assert {r["event_id"] for r in stack.database.rows("SELECT event_id FROM log_events")} == set(accepted)


def test_B7_event_type_and_emitted_at(stack: Stack) -> None:
    row = stored(stack, {"_event_type": "my_event", "_emitted_at": "2026-01-31T12:00:00.123456",
                         "user_id": 7, "payload": {"action": "something_happened"}})
    assert (row["event_type"], row["user_id"]) == ("my_event", "7")
    assert row["occurred_at"].isoformat() == "2026-01-31T12:00:00.123456+00:00"


def test_L1_log_answers_202_with_the_id(stack: Stack) -> None:
    answer = stack.post({"session_id": 123, "event_type": "review_started",
                         "payload": {"code_language": "python", "file_count": 3,
                                     "user_agent": "VSCode/1.74.0"}})
    body = answer.json()
    assert answer.status_code == 202 and body["status"] == "accepted"
    assert body["message"] and re.match(r"\d{4}-\d\d-\d\dT.*Z$", body["timestamp"])
    row = stack.event(body["event_id"])
    assert (row["session_id"], row["event_type"], row["payload"]["file_count"]) == \
        (123, "review_started", 3)


def test_L2_health_and_queue_status(stack: Stack) -> None:
    health = stack.producer.get("/health")
    assert health.status_code == 200 and health.json()["status"] == "healthy"
    assert {"service", "version", "timestamp", "checks"} <= set(health.json())
    assert health.json()["service"] == "producer"
    wait_for("the consumer is counted", lambda: stack.producer.get("/queue/status")
             .json()["queue_info"] == {"message_count": 0, "consumer_count": 1})
    status = stack.producer.get("/queue/status")
    said = status.json()
    assert (status.status_code, said["queue_name"], said["queue_type"]) == (200, "log_queue", "quorum")
    assert said["dead_letter"] == {"name": "log_queue.dead", "message_count": 0}
    assert said["publisher"] == {"connected": True, "unconfirmed": 0, "blocked": False}
    stack.broker.kill9()
    wait_for("health says what is so",
             lambda: stack.producer.get("/health").status_code == 503
             and stack.producer.get("/queue/status").status_code == 503)
    stack.broker.start()
    wait_for("and when it is over", lambda: stack.producer.get("/health").status_code == 200
             and stack.producer.get("/queue/status").status_code == 200)


def test_L4_persistent_messages_a_durable_queue_and_connections_tried_again(way: Way) -> None:
    way.post({"event_type": "x", "event_id": "before"})
    way.stack.broker.kill9()
    way.stack.broker.start()
    wait_for("the producer is back", way.stack.producer.is_ready, 60)
    way.post({"event_type": "x", "event_id": "after"})
    way.store()
    assert [p.delivery_mode for p in way.properties] == [2, 2]
    assert way.row("before") and way.row("after")
    listed = way.stack.broker.rabbitmqctl("list_queues", "-p", way.stack.broker.vhost, "name", "durable")
    queues = dict(line.split("\t") for line in listed.splitlines() if line.startswith("log_queue"))
    assert set(queues) >= {"log_queue", "log_queue.urgent"} and set(queues.values()) == {"true"}


def refuse_rows(database: Database, sqlstate: str) -> None:
    with database.connect() as session:
        session.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE"
                        f" EXCEPTION 'not now' USING ERRCODE = '{sqlstate}'; END $$;"
                        " CREATE TRIGGER refuse BEFORE INSERT ON batches EXECUTE FUNCTION refuse()")


def accept_rows(database: Database) -> None:
    with database.connect() as session:
        session.execute("DROP TRIGGER refuse ON batches")


def test_L5_a_consumer_by_itself_with_retries_rollback_and_graceful_signals(
        make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(consumers=0)
    consumer = stack.add_consumer(env={"CONSUMER_RETRY_ATTEMPTS": "2", "CONSUMER_RETRY_DELAY": "1"})
    stack.start()
    refuse_rows(stack.database, "53100")
    stack.post({"event_type": "x", "event_id": "a"})
    wait_for("tries used up", lambda: '"intake_closed"' in consumer.log_text())
    assert consumer.log_text().count('"holdfast.tries":1') and '"holdfast.tries":3' not in consumer.log_text()
    assert stack.count() == 0, "what failed was not rolled back"
    consumer.signal(signal.SIGTERM)
    assert consumer.wait(30) == 0
    accept_rows(stack.database)
    consumer.restart()
    stack.event("a")
    consumer.signal(signal.SIGINT)
    assert consumer.wait(30) == 0


def turned_away(broker: socket.socket) -> float:
    """When it came."""
    broker.accept()[0].close()
    return time.monotonic()


@pytest.mark.parametrize("side", ["producer", "consumer"])
def test_L6_delays_between_tries_grow(side: str, make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producers=int(side == "producer"), consumers=int(side == "consumer"), start=False)
    with socket.create_server(("127.0.0.1", 0)) as broker:
        broker.settimeout(30)
        stack.daemons[0].env.update(RABBITMQ_PORT=str(broker.getsockname()[1]))
        stack.daemons[0].start()
        came = [turned_away(broker) for _ in range(2)]
        while came[-1] - came[-2] < 0.8:  # seconds; of all its links together
            came.append(turned_away(broker))
    assert min(b - a for a, b in zip(came, came[1:])) < 0.8


def test_L7_tables_kept_up_to_date_and_no_event_stopped_by_an_unknown_session(stack: Stack) -> None:
    database = stack.database
    stored(stack, {"session_id": 999, "event_type": "llm_query_sent", "payload": {}})
    assert database.value("SELECT count(*) FROM review_sessions") == 0
    for what in ("started", "completed"):
        stored(stack, {"session_id": 1, "event_type": f"review_{what}", "user_id": "ada",
                       "payload": {"code_language": "python"}})
    row = until_row(stack, "SELECT s.*, u.username FROM review_sessions s JOIN users u ON u.id = user_id")
    assert (row["id"], row["status"], row["code_language"], row["username"]) == \
        (1, "completed", "python", "ada")
    assert row["completed_at"] >= row["started_at"]
    kept = settings("holdfast-consumer", DATABASE_PASSWORD="x")
    assert (kept["DATABASE_NAME"], kept["DATABASE_USER"]) == ("code_reviewer_logs", "logging_service_user")
    assert database.value("SELECT data_type FROM information_schema.columns WHERE table_name ="
                          " 'log_events' AND column_name = 'payload'") == "jsonb"


def test_L8_database_settings() -> None:
    kept = settings("holdfast-consumer", DATABASE_PASSWORD="x")
    assert (kept["DATABASE_HOST"], kept["DATABASE_PORT"]) == ("localhost", "5432")
    done = run([program("holdfast-consumer"), "--check"], base_env())
    assert done.returncode == 78 and "DATABASE_PASSWORD" in done.stderr


def test_L9_broker_settings() -> None:
    for name in ("holdfast-producer", "holdfast-consumer"):
        kept = settings(name, DATABASE_PASSWORD="x")
        assert {k: kept[f"RABBITMQ_{k}"] for k in ("HOST", "PORT", "USER", "VHOST", "QUEUE_NAME")} == \
            {"HOST": "localhost", "PORT": "5672", "USER": "guest", "VHOST": "/",
             "QUEUE_NAME": "log_queue"}


def test_L10_log_levels_and_environment() -> None:
    for name in ("holdfast-producer", "holdfast-consumer"):
        kept = settings(name, DATABASE_PASSWORD="x")
        assert (kept["LOG_LEVEL"], kept["ENVIRONMENT"]) == ("INFO", "development")
        for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
            assert settings(name, DATABASE_PASSWORD="x", LOG_LEVEL=level)["LOG_LEVEL"] == level
        done = run([program(name), "--check"], base_env(DATABASE_PASSWORD="x", LOG_LEVEL="LOUD"))
        assert done.returncode == 78 and "LOG_LEVEL" in done.stderr


def test_L11_producer_and_consumer_settings() -> None:
    kept = settings("holdfast-producer")
    assert (kept["PRODUCER_HOST"], kept["PRODUCER_PORT"]) == ("0.0.0.0", "8001")
    kept = settings("holdfast-consumer", DATABASE_PASSWORD="x")
    assert (kept["CONSUMER_RETRY_ATTEMPTS"], kept["CONSUMER_RETRY_DELAY"]) == ("3", "5")


def test_L12_the_template_has_every_variable_with_its_default() -> None:
    template = (Path(__file__).parents[2] / "deploy/env.example").read_text()
    given = dict(re.findall(r"^#((?:DATABASE|RABBITMQ|PRODUCER|CONSUMER)_\w+|LOG_LEVEL|ENVIRONMENT)=(.*)$",
                            template, re.MULTILINE))
    kept = {**settings("holdfast-producer"), **settings("holdfast-consumer", DATABASE_PASSWORD="x")}
    secrets = {"DATABASE_PASSWORD": "", "RABBITMQ_PASSWORD": "guest"}
    assert {k: given.pop(k) for k in secrets} == secrets
    given.pop("PRODUCER_BIND")  # of Compose
    assert given == {k: kept[k] for k in given} and len(given) >= 14


def listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_L12_the_order_of_starting_does_not_matter(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(start=False)
    stack.broker.kill9()
    stack.database.stop()
    for daemon in stack.daemons:
        daemon.start()
    wait_for("they run though nothing is there yet", lambda: all(listens(d.port) for d in stack.daemons))
    stack.database.start()
    stack.broker.start()
    for daemon in stack.daemons:
        daemon.wait_ready(60)
    stored(stack, {"event_type": "x"})


def test_L13_log_event_processed(make_stack: Callable[..., Stack]) -> None:
    for level, expected in (("DEBUG", {"debug": 3, "info": 1}), ("INFO", {"info": 1})):
        stack = make_stack(consumers=0)
        assert stack.post([{"event_type": "x"}] * 3).status_code == 202
        consumer = stack.add_consumer(env={"LOG_LEVEL": level})
        before = stack.count()
        stack.start()
        stack.wait_count(before + 3)
        wait_for("the batch in the log", lambda: '"batch_stored"' in consumer.log_text())
        lines = [json.loads(x) for x in consumer.log_text().splitlines() if "Log event processed" in x]
        levels = [x["log.level"] for x in lines]
        assert {k: levels.count(k) for k in set(levels)} == expected
        consumer.stop()


def test_N2_subject_by_type(way: Way) -> None:
    way.post({"type": "job_log", "event_id": "a"})
    answer = way.stack.post({"payload": {}})
    assert "/event_type" in faults(answer)
    way.store()
    assert judged(way, "a") == ("events.job_log", 5, "normal", "info")


def test_N8_batch(stack: Stack) -> None:
    sent = [{"type": "custom_event", "data": {"value": n}, "service": "naq", "service_version": "1.0.0"}
            for n in range(150)]
    answer = stack.post(sent)
    assert answer.status_code == 202 and len(answer.json()["event_ids"]) == 150
    stack.wait_count(150, "event_type = 'custom_event' AND service = 'naq' AND service_version = '1.0.0'")
    rows = stack.database.rows("SELECT payload FROM log_events ORDER BY (payload->>'value')::int")
    assert [r["payload"]["value"] for r in rows] == list(range(150))
    assert stack.database.value("SELECT min(occurred_at) FROM log_events")
