# SPDX-License-Identifier: Apache-2.0
"""The daemons' logs: text on a terminal, else a JSON object a line; a line for each change of state,
repeats counted; and never a secret, at any level, wherever it was given."""
import base64
import json
import os
import pty
import re
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rig.broker import Vhost
from rig.database import Database
from rig.lone import LISTEN, lone, running
from rig.process import Process, run
from rig.stack import Daemon, Stack, program
from rig.wait import wait_for

TEXT = re.compile(r'\d\d:\d\d:\d\d\.\d{3} (DEBUG|INFO|WARNING|ERROR) +(producer|consumer) '
                  r'[a-z_]+: [^"]+?( [a-z_]+=(-?\d+|"([^"\\]|\\.)*"))*')
ECS = ["@timestamp", "log.level", "message", "service.name", "service.version", "process.pid",
       "event.action"]


def read_all(fd: int) -> str:
    """What was written to the terminal, until its last writer is gone."""
    text = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    return text.decode().replace("\r\n", "\n")


def on_a_terminal(daemon: Daemon) -> str:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(daemon.argv, env=daemon.env, stdin=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    try:
        wait_for("alive", lambda: daemon_answers(daemon))
    finally:
        child.terminate()
    text = read_all(ours)
    os.close(ours)
    assert child.wait(10) == 0
    return text


def daemon_answers(daemon: Daemon) -> bool:
    return daemon.get("/livez").status_code == 200


@pytest.mark.parametrize("binary", LISTEN)
@pytest.mark.parametrize("form, is_text", [("auto", True), ("text", True), ("json", False)])
def test_on_a_terminal(binary: str, form: str, is_text: bool, tmp_path: Path) -> None:
    lines = on_a_terminal(lone(binary, tmp_path, LOG_FORMAT=form)).splitlines()
    assert len(lines) >= 3
    for line in lines:
        assert bool(TEXT.fullmatch(line)) == is_text and line.startswith("{") != is_text, line


@pytest.mark.parametrize("form, is_text", [("auto", False), ("text", True)])
def test_into_a_file(form: str, is_text: bool, tmp_path: Path) -> None:
    with running(lone("holdfast-consumer", tmp_path, LOG_FORMAT=form)) as daemon:
        wait_for("alive", lambda: daemon_answers(daemon))
    for line in daemon.log_text().splitlines():
        assert bool(TEXT.fullmatch(line)) == is_text and line.startswith("{") != is_text, line


def parsed(daemon: Daemon) -> list[dict]:
    return [json.loads(line) for line in daemon.log_text().splitlines()]


@pytest.mark.asan
def test_a_line_is_an_object_with_the_names_of_ecs(make_stack: Callable[..., Stack]) -> None:
    settings = {"LOG_LEVEL": "DEBUG"}
    stack = make_stack(workers=2, producer_env=settings, consumer_env=settings)
    stack.post([{"event_type": "x", "title": 'a "quoted"\n line'}] * 20)
    stack.post("nonsense")
    stack.wait_count(20)
    for daemon in stack.daemons:
        daemon.stop()
        for line in parsed(daemon):
            names = list(line)
            assert names[:len(ECS)] == ECS and names[-1] == "ecs.version"
            assert all(n.startswith("holdfast.") for n in names[len(ECS):-1]), names
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["@timestamp"])
            assert line["log.level"] in ("debug", "info", "warning", "error")
            assert line["service.name"] == daemon.argv[0].rpartition("/")[2]
            assert re.fullmatch("[a-z_]+", line["event.action"])


def test_what_is_stored_is_told_once_a_second_and_adds_up(make_stack: Callable[..., Stack]) -> None:
    begin = time.monotonic()
    stack = make_stack(consumer_env={"CONSUMER_BATCH_EVENTS": "1"})
    with httpx.Client(base_url=stack.url) as client:
        for n in range(80):
            client.post("/log", json={"event_type": "x", "event_id": str(n % 60)})
    stack.wait_drained()
    stack.consumer.stop()
    told = [line for line in parsed(stack.consumer) if line["event.action"] == "batch_stored"]
    assert sum(line["holdfast.events"] for line in told) == 60
    assert sum(line["holdfast.duplicates"] for line in told) == 20
    assert sum(line["holdfast.batches"] for line in told) >= 20
    assert len(told) <= time.monotonic() - begin + 2


def permit(broker: Vhost, pattern: str) -> None:
    """A user without permissions is refused the virtual host: an outage of as long as is wanted."""
    path = f"/api/permissions/{broker.vhost}/{broker.user}"
    body = {"configure": pattern, "write": pattern, "read": pattern}
    status, _ = broker.server.api("PUT" if pattern else "DELETE", path, body)
    assert status in (201, 204)


def actions(lines: list[dict]) -> list[str]:
    return [line["event.action"] for line in lines]


def test_an_outage_is_a_few_lines_however_often_is_tried(stack: Stack, broker: Vhost) -> None:
    stack.post({"event_type": "before"})
    stack.wait_count(1)
    before = {d: len(parsed(d)) for d in stack.daemons}
    permit(broker, "")
    broker.close_connections()
    begin = time.monotonic()
    wait_for("some tries", lambda: time.monotonic() - begin > 3)
    during = {d: parsed(d)[before[d]:] for d in stack.daemons}
    permit(broker, ".*")
    for daemon, links in ((stack.producer, 2), (stack.consumer, 4)):
        daemon.wait_ready()
        assert 1 <= actions(during[daemon]).count("link_lost") <= links
        assert actions(during[daemon]).count("link_failed") <= links
        assert len(during[daemon]) <= 5 * links, actions(during[daemon])
        wait_for("it says how long that was", lambda d=daemon: any(
            line["holdfast.down_ms"] > 1000 and line["holdfast.held_back"] > 0
            for line in parsed(d)[before[d]:] if line["event.action"] == "link_open"))


# ---- secrets ----

def forms_of(secret: str) -> set[str]:
    plain = secret.encode()
    return {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret), urllib.parse.quote(secret, ""),
            base64.b64encode(plain).decode().rstrip("="), plain.hex(), secret.replace("'", "''")}


def assert_untold(secrets: list[str], texts: list[str]) -> None:
    for secret in secrets:
        for form in forms_of(secret):
            for text in texts:
                assert form not in text, text[max(0, text.find(form) - 200):text.find(form) + 100]


def spoken(daemon: Daemon, **env: str) -> list[str]:
    """Everything its program says of its settings, faults in them too."""
    env = {**daemon.env, **env}
    both = {f"{name}_FILE": "/etc/hostname" for name in env if name.endswith("_PASSWORD")}
    outputs = []
    for more in ({}, {"LOG_LEVEL": "LOUD"}, both, {"ENVIRONMENT": "production"}):
        for option in ("--print-config", "--check", "--healthcheck"):
            done = run([*daemon.argv, option], {**env, **more})
            outputs += [done.stdout, done.stderr]
    return outputs


def answers(daemon: Daemon) -> list[str]:
    return [daemon.get(path).text for path in ("/health", "/metrics", "/version", "/queue/status")]


@pytest.mark.parametrize("given", ["environment", "file"])
def test_no_secret_is_told(given: str, make_stack: Callable[..., Stack], broker: Vhost,
                           database: Database, tmp_path: Path) -> None:
    settings = {**broker.env(), **database.env()}
    secrets = [settings["RABBITMQ_PASSWORD"], settings["DATABASE_PASSWORD"]]
    stack = make_stack(start=False)
    for daemon in stack.daemons:
        daemon.env["LOG_LEVEL"] = "DEBUG"
        for name in [n for n in daemon.env if n.endswith("_PASSWORD") and given == "file"]:
            file = tmp_path / f"{daemon.name}-{name}"
            file.write_text(daemon.env.pop(name) + "\n")
            daemon.env[f"{name}_FILE"] = str(file)
    stack.start()
    stack.post([{"event_type": "x"}] * 5)
    stack.wait_count(5)
    texts = [text for d in stack.daemons for text in answers(d) + spoken(d)]
    for daemon in stack.daemons:
        daemon.stop()
        texts.append(daemon.log_text())
    assert any("link_state" in text for text in texts), "nothing was said at DEBUG"
    assert_untold(secrets, texts)


def test_no_wrong_secret_is_told(make_stack: Callable[..., Stack]) -> None:
    wrong = ["hush'hush/@1", "hush'hush/@2"]
    settings = {"RABBITMQ_PASSWORD": wrong[0], "DATABASE_PASSWORD": wrong[1], "LOG_LEVEL": "DEBUG"}
    stack = make_stack(producer_env=settings, consumer_env=settings, start=False)
    for daemon in stack.daemons:
        daemon.start()
    wait_for("the broker's refusal", lambda: all('"link_failed"' in d.log_text() for d in stack.daemons))
    wait_for("the database's", lambda: '"store_failed"' in stack.consumer.log_text())
    texts = [text for d in stack.daemons for text in [*answers(d), *spoken(d), d.log_text()]]
    assert_untold(wrong, texts)


@pytest.mark.parametrize("binary", LISTEN)
@pytest.mark.parametrize("name", ["RABBITMQ_HOST", "DATABASE_HOST", "RABBITMQ_URL", "DATABASE_URL"])
def test_an_address_with_a_password_in_it_is_not_repeated(binary: str, name: str,
                                                          tmp_path: Path) -> None:
    secret = "hush-hush-3"
    for address in (f"amqp://user:{secret}@localhost:5672/", f"user:{secret}@localhost"):
        daemon = lone(binary, tmp_path, LOG_LEVEL="DEBUG")
        assert_untold([secret], spoken(daemon, **{name: address}))
        if binary == "holdfast-consumer" and name.endswith("_HOST"):
            done = run([program(binary)], {**daemon.env, name: address})
            assert done.returncode == 78 and f"{name} holds more than a host" in done.stderr
            assert_untold([secret], [done.stderr])


def test_the_command_line_of_a_daemon_is_bare(stack: Stack) -> None:
    for daemon in stack.daemons:
        assert isinstance(daemon, Process)
        shown = Path(f"/proc/{daemon.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert len(shown) == 1
