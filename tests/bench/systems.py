# SPDX-License-Identifier: Apache-2.0
"""The systems that are compared, each on a virtual host and a database of its own. All have one
HTTP process and one storing process; they stay up between rounds and are idle then."""
import http.client
import secrets
import sys
from pathlib import Path

import psycopg

from rig.broker import Vhost
from rig.database import Database
from rig.process import Process, clean_environment
from rig.servers import Servers
from rig.stack import Stack
from rig.wait import free_port, wait_for

HERE = Path(__file__).resolve().parent


class System:
    """What compare.py needs of each. `progress` is a query that counts stored rows at little cost,
    to be asked while a load is being stored; rows() counts them one by one afterwards."""
    name: str
    table: str
    progress: str
    port: int
    broker: Vhost
    database: Database
    _session: psycopg.Connection | None = None

    def rows(self) -> int:
        value = self.database.value(f"SELECT count(*) FROM {self.table}")
        assert isinstance(value, int)
        return value

    def stored(self) -> int:
        if self._session is None:
            self._session = self.database.connect()
        row = self._session.execute(self.progress).fetchone()
        return int(row["n"])

    def empty(self) -> bool:
        return all(self.broker.ready(q) == 0 for q in self.broker.queues())

    def processes(self) -> list[Process]:
        raise NotImplementedError

    def stop(self) -> None:
        for process in self.processes():
            process.kill9()


class Holdfast(System):
    name, table = "holdfast", "log_events"
    progress = "SELECT coalesce(sum(events), 0) AS n FROM batches"

    def __init__(self, servers: Servers, folder: Path):
        self.broker = servers.broker.create_vhost()
        self.database = servers.create_database(f"holdfast_{secrets.token_hex(3)}")
        self.stack = Stack(folder, self.broker, self.database)
        self.stack.add_producer(env={"LOG_LEVEL": "WARNING"})
        self.stack.add_consumer(env={"LOG_LEVEL": "WARNING"})
        self.stack.start()
        self.port = self.stack.producer.port

    def processes(self) -> list[Process]:
        return list(self.stack.daemons)


class Peer(System):
    table = "peer_log_events"
    progress = "SELECT coalesce(max(id), 0) AS n FROM peer_log_events"

    def __init__(self, servers: Servers, folder: Path, name: str):
        self.name = name
        self.broker = servers.broker.create_vhost()
        self.database = servers.cluster.create_database(f"{name}_{secrets.token_hex(3)}")
        with self.database.connect() as session:
            session.execute((HERE / "peers" / "table.sql").read_text())
        self.port = free_port()
        env = clean_environment(**self.broker.env(), **self.database.env(),
                                RABBITMQ_QUEUE_NAME="log_queue")
        python, here = "/usr/bin/python3", HERE / "peers" / name
        self.producer = Process(f"{name} producer",
                                [python, "-m", "uvicorn", "producer:app", "--port", str(self.port),
                                 "--log-level", "warning", "--no-access-log"], env,
                                folder / f"{name}-producer.log", cwd=here)
        self.consumer = Process(f"{name} consumer", [python, "consumer.py"], env,
                                folder / f"{name}-consumer.log", cwd=here)
        self.producer.start()
        self.consumer.start()
        wait_for(f"{name} up", self._is_up, 30)
        wait_for(f"{name} consuming", lambda: "log_queue" in self.broker.queues(), 30)

    def _is_up(self) -> bool:
        assert self.producer.is_running(), self.producer.log_tail()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200

    def processes(self) -> list[Process]:
        return [self.producer, self.consumer]


def all_systems(servers: Servers, folder: Path) -> list[System]:
    return [Holdfast(servers, folder), Peer(servers, folder, "plain"),
            Peer(servers, folder, "tuned")]


if __name__ == "__main__":
    sys.exit("run tests/bench/run")
