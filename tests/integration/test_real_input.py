# SPDX-License-Identifier: Apache-2.0
"""Real logs through the whole pipeline with `holdfast send`: each line exactly once, untouched."""
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from rig.database import Database
from rig.stack import Stack

PACKAGE_LOG = Path("/var/log/dpkg.log")
PACKAGE_STATUS = Path("/var/lib/dpkg/status")
SEVERITIES = {"LOG": "info", "INFO": "info", "NOTICE": "info", "WARNING": "warning",
              "ERROR": "error", "FATAL": "critical", "PANIC": "critical"}


def package_lines() -> list[str]:
    """Of the package log; where a machine has none, of the package database it stands for."""
    source = PACKAGE_LOG if PACKAGE_LOG.exists() else PACKAGE_STATUS
    return [line for line in source.read_text(errors="replace").split("\n") if line.strip()]


def package_event(number: int, line: str) -> dict:
    words = line.split(" ")
    event = {"event_type": f"package.{words[2] if len(words) > 2 else 'line'}"[:100],
             "source": "dpkg.log", "title": line[:1000], "tags": ["dpkg"],
             "payload": {"number": number, "line": line, "words": words}}
    if PACKAGE_LOG.exists():
        event["occurred_at"] = f"{words[0]}T{words[1]}Z"
    return event


def write_lines(path: Path, events: list[dict]) -> Path:
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events))
    return path


def send_file(stack: Stack, path: Path) -> None:
    done = stack.cli("send", "--batch", "500", "--file", str(path), seconds=120)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"


@pytest.mark.asan
def test_every_line_of_the_package_log_is_stored_exactly_once(stack: Stack, tmp_path: Path) -> None:
    lines = package_lines()
    assert len(lines) > 100
    path = write_lines(tmp_path / "packages", [package_event(n, line)
                                               for n, line in enumerate(lines)])
    send_file(stack, path)
    stack.wait_count(len(lines))
    rows = stack.database.rows(
        "SELECT payload, title, event_type, tags, source, to_char(occurred_at AT TIME ZONE 'UTC', "
        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS at FROM log_events")
    by_number = {row["payload"]["number"]: row for row in rows}
    assert len(by_number) == len(lines)
    for number, line in enumerate(lines):
        sent, row = package_event(number, line), by_number[number]
        assert row["payload"] == sent["payload"]
        assert (row["title"], row["event_type"], row["tags"], row["source"]) == \
            (sent["title"], sent["event_type"], sent["tags"], sent["source"])
        assert row["at"] == sent.get("occurred_at", row["at"])

    send_file(stack, path)
    stack.wait_drained()
    assert stack.count() == len(lines), "sending the same file again stored something twice"
    assert stack.database.rows("SELECT * FROM quarantine") == []


def make_noise(database: Database) -> None:
    """Work for the server to write down: errors, odd texts, deadlocks of meaning."""
    with database.connect() as session:
        session.execute("SET log_statement = 'all'")
        session.execute("SET log_min_duration_statement = 0")
        session.execute("SET log_min_messages = 'debug1'")
        for text in ("plain", "wörd – ñ", "漢字かな 🎉", "quote \" back \\ slash", "tab\tline\nend",
                     "x" * 5000, "\u0001\u001f"):
            session.execute("SELECT %s::text", (text,))
            for broken in ("SELECT 1/0", "SELECT * FROM no_such_table", "SELEC 1",
                           "SELECT 'not a number'::int", "DO $$ BEGIN RAISE WARNING 'w'; END $$"):
                try:
                    session.execute(f"{broken} -- {text}".replace("\n", " "))
                except psycopg.Error:
                    pass
        for number in range(300):
            session.execute(f"SELECT {number}, 'row {number}'")


def server_log(path: Path) -> list[dict]:
    # The server writes on meanwhile: what is behind the last line feed is not a line yet.
    complete = path.read_text(encoding="utf-8").split("\n")[:-1]
    entries = [json.loads(line, parse_float=Decimal) for line in complete]
    return [e for e in entries if "timestamp" in e]


def log_event(entry: dict) -> dict:
    return {"event_id": f"{entry['session_id']}/{entry['line_num']}",
            "event_type": "postgresql.log", "service": "postgresql",
            "occurred_at": entry["timestamp"].replace(" UTC", "Z").replace(" ", "T"),
            "severity": SEVERITIES.get(entry.get("error_severity", "LOG"), "debug"),
            "description": entry.get("message", ""), "payload": entry}


@pytest.mark.asan
def test_every_line_of_a_postgresql_log_is_stored_exactly_once(stack: Stack,
                                                               tmp_path: Path) -> None:
    make_noise(stack.database)
    events = [log_event(e) for e in server_log(stack.database.server.log_json())]
    expected = {e["event_id"]: e for e in events}
    assert len(expected) == len(events) > 500
    send_file(stack, write_lines(tmp_path / "server.json", events))
    stack.wait_count(len(events))
    rows = stack.database.rows(
        "SELECT event_id, severity::text, description, payload::text AS payload FROM log_events")
    assert Counter(row["event_id"] for row in rows) == Counter(list(expected))
    for row in rows:
        sent = expected[row["event_id"]]
        assert json.loads(row["payload"], parse_float=Decimal) == sent["payload"]
        assert (row["severity"], row["description"]) == (sent["severity"], sent["description"])
    assert stack.database.rows("SELECT * FROM quarantine") == []
