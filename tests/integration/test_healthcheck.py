# SPDX-License-Identifier: Apache-2.0
"""--healthcheck of both daemons: whether the process of the same settings is alive, and nothing
else. Exit 0 or 1, one line that says why, within two seconds."""
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig.lone import LISTEN, lone, running
from rig.process import run
from rig.stack import Daemon, Stack, base_env, program
from rig.wait import free_port, wait_for


def ask(binary: str, host: str = "127.0.0.1", port: int = 0, **env: str):
    host_name, port_name = LISTEN[binary]
    return run([program(binary), "--healthcheck"],
               base_env(**{host_name: host, port_name: str(port)}, **env), 10)


@contextmanager
def server(answer: bytes | None, host: str = "127.0.0.1") -> Iterator[tuple[int, list[bytes]]]:
    """Answers one client with these bytes, or with silence; lends its port and what it was asked."""
    asked: list[bytes] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.settimeout(10)
                asked.append(client.recv(4096))
                if answer is None:
                    client.recv(1)
                else:
                    client.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("binary", LISTEN)
@pytest.mark.parametrize("host, there", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
                                         ("127.0.0.3", "127.0.0.3"), ("localhost", "127.0.0.1"),
                                         ("::", "::1")])
def test_who_answers_livez_is_alive(binary: str, host: str, there: str) -> None:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", there) as (port, asked):
        said = ask(binary, host, port)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert asked[0].startswith(b"GET /livez HTTP/1.1\r\nHost: ")


@pytest.mark.parametrize("answer, reason", [
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "something else than 200"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "something else than 200"),
    (b"", "closed without an answer"), (b"HTTP/1.1", "closed without an answer")])
def test_who_answers_otherwise_is_not(answer: bytes, reason: str) -> None:
    with server(answer) as (port, _):
        said = ask("holdfast-producer", port=port)
    assert said.returncode == 1
    assert reason in said.stderr and said.stderr.count("\n") == 1


def test_silence_is_waited_for_two_seconds() -> None:
    begin = time.monotonic()
    with server(None) as (port, _):
        said = ask("holdfast-consumer", port=port)
    assert said.returncode == 1 and said.stderr.count("\n") == 1
    assert f"no answer from 127.0.0.1 port {port} within 2 s" in said.stderr
    assert time.monotonic() - begin > 1.5


@pytest.mark.parametrize("binary", LISTEN)
def test_nobody_there(binary: str) -> None:
    said = ask(binary, port=free_port())
    assert said.returncode == 1
    assert "Connection refused" in said.stderr and said.stderr.count("\n") == 1


@pytest.mark.parametrize("binary", LISTEN)
def test_no_port_to_ask(binary: str) -> None:
    for port in (0, 70000):
        said = ask(binary, port=port)
        assert said.returncode == 1
        assert "no fixed port" in said.stderr and said.stderr.count("\n") == 1


@contextmanager
def alive(daemon: Daemon) -> Iterator[Daemon]:
    with running(daemon):
        wait_for(f"{daemon.name} alive", lambda: daemon.get("/livez").status_code == 200)
        yield daemon


def check(daemon: Daemon, **env: str) -> int:
    return run([*daemon.argv, "--healthcheck"], {**daemon.env, **env}, 10).returncode


@pytest.mark.parametrize("binary", LISTEN)
def test_an_outage_does_not_make_a_daemon_unhealthy(binary: str, tmp_path: Path) -> None:
    with alive(lone(binary, tmp_path)) as daemon:
        assert daemon.get("/readyz").status_code == 503
        assert check(daemon) == 0
        assert check(daemon, DATABASE_PASSWORD="", RABBITMQ_PASSWORD_FILE="/nonexistent") == 0


def test_a_daemon_that_hangs_is_unhealthy(tmp_path: Path) -> None:
    with alive(lone("holdfast-consumer", tmp_path)) as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        assert check(daemon) == 1
        os.kill(daemon.pid, signal.SIGCONT)
        assert check(daemon) == 0


def test_several_workers_are_asked_as_one(tmp_path: Path) -> None:
    with alive(lone("holdfast-producer", tmp_path, PRODUCER_WORKERS="2")) as daemon:
        assert check(daemon) == 0


@pytest.mark.asan
def test_a_stack_is_healthy(make_stack: Callable[..., Stack]) -> None:
    for daemon in make_stack().daemons:
        assert check(daemon) == 0
