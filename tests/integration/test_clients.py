# SPDX-License-Identifier: Apache-2.0
"""Clients that were not written here, from packages, at the versions of clients/package-lock.json."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rig.stack import Stack

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts in a folder of their own, with what they need installed beside them."""
    folder = tmp_path_factory.mktemp("clients")
    for path in CLIENTS.iterdir():
        shutil.copy(path, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts",
                           "--loglevel=error"],
                          cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def node(folder: Path, script: str, *arguments: str) -> object:
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(["node", script, *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_cloudevents_sdk_in_every_mode(stack: Stack, clients: Path) -> None:
    answers = node(clients, "cloudevents.js", stack.url + "/log")
    assert [a["status"] for a in answers] == [202] * 6, answers
    payloads = {"structured": {"n": 1.5, "s": "é"}, "binary": {"n": 2, "s": "é"},
                "text": {"data": "plain text"}, "bytes": {"data_base64": "AP8B"},
                "batch-0": {"n": 3}, "batch-1": {"n": 4}, "emitter": {"n": 5}}
    for own_id, payload in payloads.items():
        row = stack.event(f"/sdk/js {own_id}")
        assert row["payload"] == payload
        assert (row["event_type"], row["source"]) == ("sdk.sent", "/sdk/js")
        assert row["occurred_at"].isoformat() == "2026-05-06T07:08:09.123000+00:00"
        metadata = row["metadata"]
        assert (metadata["id"], metadata["subject"]) == (own_id, "a subject")
        assert (metadata["ext1"], str(metadata["ext2"])) == ("value", "5")
        assert metadata["dataschema"] == "https://example.com/schema"
    node(clients, "cloudevents.js", stack.url + "/v1/events")
    stack.wait_drained()
    stack.wait_count(len(payloads))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_opentelemetry_log_exporter(stack: Stack, clients: Path, compression: str) -> None:
    results = node(clients, "otel.js", stack.url + "/v1/logs", compression, "1500")
    assert results and set(results) == {0}, results
    stack.wait_count(1500, "event_type = 'otel.js'")
    row = stack.database.rows("SELECT * FROM log_events WHERE description = 'record 1234'")[0]
    assert (row["severity"], row["service"], row["service_version"]) == ("warning", "otel-js", "9.8")
    assert row["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert row["span_id"] == "b7ad6b7169203331"
    assert row["occurred_at"].isoformat() == "2026-05-06T07:08:09.123000+00:00"
    assert row["payload"] == {"body": "record 1234", "index": 1234, "http.method": "GET",
                              "nested": {"list": [1, "two", True]}}
    assert row["metadata"]["scope"] == {"name": "test", "version": "1.0"}
    assert row["metadata"]["resource"]["service.name"] == "otel-js"


def curl(*arguments: str, body: bytes = b"") -> dict:
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", "20", *arguments],
                          input=body, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_curl_as_people_write_it(stack: Stack) -> None:
    log = stack.url + "/log"
    json_type, lines_type = "Content-Type: application/json", "Content-Type: application/x-ndjson"
    one = curl(log, "-H", json_type, "-d", '{"event_type":"by_curl"}')
    assert stack.event(one["event_id"])["event_type"] == "by_curl"
    # -T - and a request to chunk: the length is not known beforehand.
    lines = b'{"event_type":"piped"}\n' * 3000
    many = curl(log, "-X", "POST", "-H", lines_type, "-H", "Transfer-Encoding: chunked", "-T", "-",
                body=lines)
    assert many["accepted"] == 3000
    stack.wait_count(3000, "event_type = 'piped'")
    # What -d sends when nothing is said about the type is a form, which no event is.
    assert curl(log, "-d", '{"event_type":"by_curl"}')["status"] == 415
    emitted = curl(stack.url + "/emit/by_curl", "-H", json_type, "-d", '{"n":1}')
    assert stack.event(emitted["event_id"])["payload"] == {"n": 1}
    event = curl(log, "-H", "ce-specversion: 1.0", "-H", "ce-id: 1", "-H", "ce-source: /curl",
                 "-H", "ce-type: by_curl", "-H", json_type, "-d", '{"n":2}')
    assert stack.event(event["event_id"])["source"] == "/curl"
