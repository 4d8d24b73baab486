# SPDX-License-Identifier: Apache-2.0
"""The systems that are compared, each on a virtual host and a database of its own, with one HTTP
process and one storing process unless said otherwise. Each load gets a system of its own, started for
it and taken away after it: what one load leaves behind touches no other, and processor time and
memory are that load's."""
import http.client
import secrets
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
    """`progress` is a query that counts stored rows at little cost, to be asked while a load is being
    stored; rows() counts them one by one afterwards. Use as a context: the end stops all."""
    name: str
    progress: str
    count: str
    port: int
    broker: Vhost
    database: Database
    keeps_database = False

    def __enter__(self) -> "System":
        try:
            self.start()
            self._session = self.database.connect()
            self._before = self._ask(self.progress)
            self._begin = self._session.execute("SELECT now() AS n").fetchone()["n"]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        for process in self.processes():
            process.kill9()
        self.broker.drop()
        if not self.keeps_database:
            self.database.drop()

    @property
    def session(self) -> psycopg.Connection:
        """Of the superuser, one for all the questions of a measurement."""
        return self._session

    def _ask(self, query: str) -> int:
        return int(self._session.execute(query).fetchone()["n"])

    def stored(self) -> int:
        """Rows that were added since the beginning."""
        return self._ask(self.progress) - self._before

    def rows(self) -> tuple[int, int]:
        """How many there are, and how many of them are the only one of their id."""
        row = self._session.execute(self.count, (self._begin,)).fetchone()
        return row["n"], row["different"]

    def empty(self) -> bool:
        return all(self.broker.ready(q) == 0 for q in self.broker.queues())

    def processes(self) -> list[Process]:
        raise NotImplementedError

    def families(self) -> dict[str, list[int]]:
        """Process ids by what is theirs to do."""
        return {"rabbitmq": [self.broker.server.pid], "postgres": [self.database.server.pid]}


class Holdfast(System):
    name = "holdfast"
    progress = "SELECT coalesce(sum(events), 0) AS n FROM batches"
    count = ("SELECT count(*) AS n, count(DISTINCT id) AS different FROM log_events "
             "WHERE received_at >= %s")

    def __init__(self, servers: Servers, folder: Path, consumers: int = 1,
                 database: Database | None = None, **consumer_env: str):
        self.broker = servers.broker.create_vhost()
        self.keeps_database = database is not None
        self.database = database or servers.create_database(f"holdfast_{secrets.token_hex(3)}")
        self.stack = Stack(folder, self.broker, self.database)
        self.stack.add_producer(env={"LOG_LEVEL": "WARNING"})
        for _ in range(consumers):
            self.stack.add_consumer(env={"LOG_LEVEL": "WARNING", **consumer_env})
        self.port = self.stack.producer.port

    def start(self) -> None:
        self.stack.start()

    def processes(self) -> list[Process]:
        return list(self.stack.daemons)

    def families(self) -> dict[str, list[int]]:
        running = {"producer": self.stack.producers, "consumer": self.stack.consumers}
        return {name: [d.pid for d in daemons if d.is_running()]
                for name, daemons in running.items()} | super().families()


class Peer(System):
    progress = "SELECT coalesce(max(id), 0) AS n FROM peer_log_events"
    count = ("SELECT count(*) AS n, count(*) AS different FROM peer_log_events "
             "WHERE created_at >= %s")

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

    def start(self) -> None:
        self.producer.start()
        self.consumer.start()
        wait_for(f"{self.name} up", self._is_up, 30)
        wait_for(f"{self.name} consuming", lambda: "log_queue" in self.broker.queues(), 30)

    def _is_up(self) -> bool:
        assert self.producer.is_running(), self.producer.log_tail()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200

    def processes(self) -> list[Process]:
        return [self.producer, self.consumer]

    def families(self) -> dict[str, list[int]]:
        return {"producer": [self.producer.pid], "consumer": [self.consumer.pid]} | \
            super().families()
