# SPDX-License-Identifier: Apache-2.0
"""/metrics of both daemons: what stands there, that Prometheus' own linter finds no fault with it,
and the values that no other test looks at."""
import signal
import time
from pathlib import Path

import pytest

from rig.database import Database
from rig.lone import lone, running
from rig.process import clean_environment, run
from rig.stack import Daemon, Stack
from rig.wait import wait_for

COMMON = {
    "amqp_connected", "amqp_reconnects_total", "http_requests_total", "http_connections",
    "http_request_duration_seconds", "build_info", "config_reload_timestamp_seconds",
    "config_reload_successful"}
NAMES = {
    "producer": COMMON | {
        "events_accepted_total", "events_rejected_total", "publish_confirm_duration_seconds",
        "publish_unconfirmed", "publish_failures_total", "broker_blocked", "request_body_bytes",
        "outbox_events", "outbox_bytes"},
    "consumer": COMMON | {
        "messages_delivered_total", "events_stored_total", "events_duplicate_total",
        "events_dead_lettered_total", "db_transactions_total", "db_retries_total",
        "db_commit_duration_seconds", "batch_size", "ack_duration_seconds", "in_flight_messages",
        "oldest_unacked_age_seconds", "storing", "end_to_end_latency_seconds", "event_clock_skew_seconds",
        "last_commit_timestamp_seconds"}}
PROCESS = {"process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
           "process_max_fds", "process_cpu_seconds_total", "process_start_time_seconds"}


def lint(daemon: Daemon) -> None:
    done = run(["promtool", "check", "metrics"], clean_environment(),
               text=daemon.get("/metrics").text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    series = [line.rpartition(" ")[0] for line in daemon.get("/metrics").text.splitlines()
              if not line.startswith("#")]
    assert len(series) == len(set(series)), "a series stands there twice"


def names(daemon: Daemon) -> set[str]:
    return {line.split()[2] for line in daemon.get("/metrics").text.splitlines()
            if line.startswith("# TYPE")}


@pytest.mark.asan
def test_every_metric_is_there_and_lint_free(make_stack) -> None:
    stack = make_stack(workers=2)
    stack.post([{"event_type": "seen", "event_id": f"m-{i % 40}"} for i in range(50)])
    stack.post("[1,")
    stack.post([{"event_type": ""}])
    stack.wait_count(40)
    for daemon, kind in ((stack.producer, "producer"), (stack.consumer, "consumer")):
        lint(daemon)
        missing = {f"holdfast_{n}" for n in NAMES[kind]} | PROCESS
        assert missing - names(daemon) == set()
        process = {n: daemon.metric(n) for n in PROCESS}
        assert 5 < process["process_open_fds"] < process["process_max_fds"]
        assert 1e6 < process["process_resident_memory_bytes"] < \
            process["process_virtual_memory_bytes"]
        assert abs(time.time() - process["process_start_time_seconds"]) < 120
        revision = [n for n in daemon.metrics() if n.startswith("holdfast_build_info")]
        assert "version=" in revision[0] and "revision=" in revision[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_accepted_events_are_counted_by_the_types_of_the_catalogue(workers: int, make_stack) -> None:
    stack = make_stack(workers=workers)
    known, unknown = {"event_type": "review_started"}, {"event_type": "what a client makes up"}
    alias = {"event_type": "state_changed", "system": "akosha"}
    for body in (known, [known, unknown, unknown, alias], [known, {"event_type": ""}], unknown):
        stack.post(body)
    stack.wait_count(6)
    accepted = {name: value for name, value in stack.producer.metrics().items()
                if name.startswith("holdfast_events_accepted_total") and value}
    assert accepted == {
        'holdfast_events_accepted_total{event_type="(other)"}': 3,
        'holdfast_events_accepted_total{event_type="review_started"}': 2,
        'holdfast_events_accepted_total{event_type="session_state_changed"}': 1}


def test_the_oldest_unacknowledged_message_shows_its_age(stack: Stack, database: Database) -> None:
    age = "holdfast_oldest_unacked_age_seconds"
    assert stack.consumer.metric(age) == 0
    with database.connect() as session, session.transaction():
        session.execute("LOCK TABLE log_events")
        stack.post({"event_type": "waits"})
        wait_for("an age", lambda: stack.consumer.metric(age) >= 2)
        assert stack.consumer.metric("holdfast_in_flight_messages") == 1
    stack.wait_count(1)
    wait_for("none held", lambda: stack.consumer.metric(age) == 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_when_the_settings_were_read(workers: int, tmp_path: Path) -> None:
    stamp, good = "holdfast_config_reload_timestamp_seconds", "holdfast_config_reload_successful"
    folder = tmp_path / "catalog"
    folder.mkdir()
    file = folder / "own.json"
    file.write_text('{"family":"own","types":{}}')
    daemon = lone("holdfast-producer", tmp_path, CATALOG_DIR=str(folder),
                  PRODUCER_WORKERS=str(workers))
    with running(daemon):
        wait_for("up", lambda: daemon.metric(good) == 1)
        first = daemon.metric(stamp)
        assert abs(time.time() - first) < 60
        daemon.signal(signal.SIGHUP)
        wait_for("read again", lambda: daemon.metric(stamp) > first)
        file.write_text("{")
        again = daemon.metric(stamp)
        daemon.signal(signal.SIGHUP)
        wait_for("refused", lambda: daemon.metric(good) == 0)
        assert daemon.metric(stamp) == again
