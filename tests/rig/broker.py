# SPDX-License-Identifier: Apache-2.0
"""A private RabbitMQ node: own folder, ports, cookie and epmd, all on loopback.

The node is a plain child process (the launcher ends in exec), so its pid is the pid of the Erlang
machine. Virtual hosts are made over the management API, which takes milliseconds; rabbitmqctl
starts an Erlang machine of its own for each call.
"""
import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import pika

from rig.broker_log import BrokerLog
from rig.process import Process, clean_environment, run
from rig.wait import free_port, wait_for

SCRIPTS = Path("/usr/lib/rabbitmq/bin")
ADMIN, ADMIN_PASSWORD = "rig", "rig"
TICK_SECONDS = 0.25


class Epmd:
    """The port mapper of Erlang nodes, on a port of its own. Nodes of one cluster share one."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        env = clean_environment(HOME=str(folder))
        self._process = Process("epmd", [shutil.which("epmd") or "epmd", "-address", "127.0.0.1",
                                         "-port", str(self.port)], env, folder / "epmd.log")

    def start(self) -> None:
        if not self._process.is_running():
            self._process.start()

    def close(self) -> None:
        self._process.kill9()


class Broker:
    """With `epmd` and `cookie` of somebody else it is a node that can join others; these have no
    management plugin. `arguments` are more of the Erlang machine's. `root` is where the installation
    is found that it runs; changed while it does not run, it goes on with its data as another one."""

    def __init__(self, folder: Path, epmd: Epmd | None = None, cookie: str = "",
                 arguments: str = ""):
        self.host = "127.0.0.1"
        self.has_api = epmd is None
        self.starts = 0
        self.root = Path("/")
        self._epmd = epmd or Epmd(folder)
        self._cookie, self._arguments = cookie or secrets.token_hex(16), arguments
        self._settle(folder)

    def _settle(self, folder: Path) -> None:
        """A node that has never run, with everything of its own."""
        self.folder, self.log = folder, BrokerLog(folder / "log")
        self.port, self.api_port, self.dist_port = (free_port() for _ in range(3))
        self.node = f"rig{secrets.token_hex(4)}@localhost"
        self._write_files(self._cookie)
        self._env = clean_environment(
            HOME=str(folder),
            RABBITMQ_NODENAME=self.node,
            RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(folder / "advanced.config"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
            RABBITMQ_PID_FILE=str(folder / "pid"),
            RABBITMQ_DIST_PORT=str(self.dist_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            ERL_EPMD_PORT=str(self._epmd.port),
            # With these the launcher execs the Erlang machine instead of waiting for it.
            RABBITMQ_ALLOW_INPUT="1",
            RABBITMQ_SERVER_START_ARGS="-noinput",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=
            "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none "
            + self._arguments,
        )
        self._node = Process("rabbitmq", [], self._env, folder / "rabbitmq.out", cwd=folder)

    def _write_files(self, cookie: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("data", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        cookie_file = self.folder / ".erlang.cookie"
        cookie_file.write_text(cookie)
        cookie_file.chmod(0o400)
        (self.folder / "enabled_plugins").write_text(
            "[rabbitmq_management].\n" if self.has_api else "[].\n")
        api = (f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.api_port}\n"
               "management_agent.disable_metrics_collector = true\n") if self.has_api else ""
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n{api}"
            f"default_user = {ADMIN}\ndefault_pass = {ADMIN_PASSWORD}\n"
            "disk_free_limit.absolute = 50MB\nloopback_users = none\n"
            "log.file.level = info\n")
        # Quorum queues tell their counts once a tick; five seconds are long for a test.
        (self.folder / "advanced.config").write_text(
            f"[{{rabbit, [{{quorum_tick_interval, {TICK_SECONDS * 1000:.0f}}}]}}].\n")

    @property
    def pid(self) -> int:
        return self._node.pid

    def start(self) -> None:
        self.begin_start()
        self.wait_ready()

    def begin_start(self) -> None:
        self._epmd.start()
        self._node.argv = self._command("rabbitmq-server")
        self._node.start()
        self.starts += 1

    def _command(self, name: str, *args: str) -> list[str]:
        inside = [] if self.root == Path("/") else ["chroot", str(self.root)]
        return [*inside, str(SCRIPTS / name), *args]

    def version(self) -> str:
        status, answer = self.api("GET", "/api/overview")
        assert status == 200, answer
        return answer["rabbitmq_version"]

    def wait_ready(self) -> None:
        wait_for("RabbitMQ accepting connections", self._is_ready, 90, 0.1)

    def _is_ready(self) -> bool:
        assert self._node.is_running(), f"RabbitMQ ended:\n{self._node.log_tail()}"
        if self.has_api:
            return self.api("GET", "/api/health/checks/virtual-hosts")[0] == 200
        try:
            socket.create_connection((self.host, self.port), 5).close()
            self.connect("/", ADMIN, ADMIN_PASSWORD).close()
            return True
        except pika.exceptions.AMQPError as error:
            raise OSError(repr(error)) from error

    def connect(self, vhost: str, user: str, password: str) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.ConnectionParameters(
            self.host, self.port, vhost, pika.PlainCredentials(user, password),
            blocked_connection_timeout=30))

    def stop(self) -> None:
        """The node shuts down in order; its data stays."""
        self._node.stop(60)

    def kill9(self) -> None:
        self._node.kill9()

    def restart(self) -> None:
        if self._node.is_running():
            self.stop()
        self.start()

    def replace(self) -> None:
        """Another node for this one, which is beyond help; what was on it is gone."""
        self.kill9()
        self._settle(self.folder.with_name(f"rabbitmq-{self.node.partition('@')[0]}"))
        self.start()

    def is_well(self) -> bool:
        """Whether it can make a queue of the kind that is under test. The queue is left there."""
        arguments = {"x-queue-type": "quorum", "x-overflow": "reject-publish",
                     "x-dead-letter-exchange": "", "x-dead-letter-strategy": "at-least-once"}
        try:
            return self.api("PUT", f"/api/queues/%2F/probe-{secrets.token_hex(4)}",
                            {"durable": True, "arguments": arguments})[0] == 201
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """The end of the rig: nobody needs the data any more."""
        self._node.kill9()
        self._epmd.close()

    def is_running(self) -> bool:
        return self._node.is_running()

    def signal(self, number: int) -> None:
        self._node.signal(number)

    def family(self) -> list[int]:
        return self._node.family()

    def environment(self) -> dict[str, str]:
        """Of the node's own commands."""
        return dict(self._env)

    def rabbitmqctl(self, *args: str, seconds: float = 60.0) -> str:
        done = run(self._command("rabbitmqctl", "-q", *args), self._env, seconds)
        assert done.returncode == 0, f"rabbitmqctl {' '.join(args)}: {done.stderr or done.stdout}"
        return done.stdout

    def api(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        connection = http.client.HTTPConnection(self.host, self.api_port, timeout=10)
        try:
            token = base64.b64encode(f"{ADMIN}:{ADMIN_PASSWORD}".encode()).decode()
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Authorization": f"Basic {token}",
                                "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def create_vhost(self) -> "Vhost":
        name = f"t{secrets.token_hex(4)}"
        user, password = f"u-{name}", f"p@:/%#{secrets.token_hex(6)}"
        for path, body in (
                (f"/api/vhosts/{name}", {}),
                (f"/api/users/{user}", {"password": password, "tags": ""}),
                (f"/api/permissions/{name}/{user}",
                 {"configure": ".*", "write": ".*", "read": ".*"}),
                (f"/api/permissions/{name}/{ADMIN}",
                 {"configure": ".*", "write": ".*", "read": ".*"})):
            status, answer = self.api("PUT", path, body)
            assert status in (201, 204), f"PUT {path}: {status} {answer}"
        return Vhost(self, name, user, password)


@dataclass(frozen=True)
class Vhost:
    """A virtual host with its own user: what one test sees of the broker."""
    server: Broker
    vhost: str
    user: str
    password: str

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    def env(self, port: int | None = None) -> dict[str, str]:
        return {"RABBITMQ_HOST": self.host, "RABBITMQ_PORT": str(port or self.port),
                "RABBITMQ_USER": self.user, "RABBITMQ_PASSWORD": self.password,
                "RABBITMQ_VHOST": self.vhost}

    def connect(self) -> pika.BlockingConnection:
        return self.server.connect(self.vhost, self.user, self.password)

    def kill9(self) -> None:
        self.server.kill9()

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def restart(self) -> None:
        self.server.restart()

    def rabbitmqctl(self, *args: str) -> str:
        return self.server.rabbitmqctl(*args)

    def queues(self) -> dict[str, dict[str, int]]:
        """Name -> {messages, ready, unacked} of every queue of the virtual host."""
        path = f"/api/queues/{urllib.parse.quote(self.vhost, safe='')}"
        status, answer = self.server.api(
            "GET", path + "?disable_stats=true&enable_queue_totals=true")
        if status != 200:
            raise OSError(f"GET {path}: {status} {answer}")
        return {q["name"]: {"messages": q.get("messages", -1),
                            "ready": q.get("messages_ready", -1),
                            "unacked": q.get("messages_unacknowledged", -1)} for q in answer}

    def backlog(self) -> int:
        """Messages of all queues, delivered ones included. Raises OSError while not known.

        Ready messages are asked of the queue itself; delivered ones are as of its last tick.
        """
        counts = self.queues()
        if any(min(q.values()) < 0 for q in counts.values()):
            raise OSError("the broker does not tell the counts yet")
        return sum(self.ready(name) + q["unacked"] for name, q in counts.items())

    def ready(self, queue: str) -> int:
        try:
            connection = self.connect()
            try:
                return connection.channel().queue_declare(queue, passive=True).method.message_count
            finally:
                connection.close()
        except pika.exceptions.AMQPError as error:
            raise OSError(repr(error)) from error

    def messages_are_gone(self) -> bool:
        """Nothing ready and nothing delivered, in two readings with a tick between them."""
        for _ in range(2):
            if self.backlog():
                return False
            time.sleep(2 * TICK_SECONDS)
        return True

    def queue_bodies(self, queue: str) -> list[bytes]:
        """Takes all messages off a queue."""
        connection = self.connect()
        try:
            channel = connection.channel()
            bodies = []
            while True:
                frame, _, body = channel.basic_get(queue, auto_ack=True)
                if frame is None:
                    return bodies
                bodies.append(body)
        finally:
            connection.close()

    def close_connections(self) -> int:
        """Cuts every client connection of the virtual host at the broker, and fails if there was none.

        The management API of RabbitMQ 4.3 lists no connections without its statistics, and the
        command that closes them waits for each in turn, though it may stand still.
        """
        said = self.rabbitmqctl("eval", f"""
            Pids = [P || C <- rabbit_connection_tracking:list(<<"{self.vhost}">>),
                         P <- tuple_to_list(C), is_pid(P)],
            [spawn(fun() -> rabbit_networking:close_connection(P, <<"cut by a test">>) end)
             || P <- Pids], length(Pids).""")
        assert int(said), "no connection was cut"
        return int(said)

    def drop(self) -> None:
        self.server.api("DELETE", f"/api/vhosts/{self.vhost}")
        self.server.api("DELETE", f"/api/users/{self.user}")


def folder_for_servers() -> Path:
    """A folder whose parents every server user may pass."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    os.chmod(folder, 0o755)
    return folder
