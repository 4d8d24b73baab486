# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ cluster on one machine: nodes with one cookie and one epmd, each with ports of its own,
that find each other at boot by a list of names. It stands where a virtual host of a single broker
does: the stack is given all nodes and the default virtual host.

The nodes have no management plugin, so queues are looked at with rabbitmqctl, an Erlang machine for
each look.
"""
import secrets
from pathlib import Path

import pika

from rig.broker import ADMIN, ADMIN_PASSWORD, Broker, Epmd
from rig.wait import wait_for


# Seconds until a node that stands still is taken for gone. RabbitMQ's own are 60; ours are those
# docs/operations.md tells to set.
NET_TICKTIME = 10


class Brokers:
    def __init__(self, folder: Path, size: int = 3):
        self.epmd = Epmd(folder)
        cookie = secrets.token_hex(16)
        self.nodes = [Broker(folder / f"node{n}", self.epmd, cookie,
                             f"-kernel net_ticktime {NET_TICKTIME}") for n in range(size)]
        for node in self.nodes:
            with open(node.folder / "rabbitmq.conf", "a", encoding="ascii") as f:
                f.write("cluster_formation.peer_discovery_backend = classic_config\n"
                        "cluster_partition_handling = pause_minority\n")
                for n, peer in enumerate(self.nodes, 1):
                    f.write(f"cluster_formation.classic_config.nodes.{n} = {peer.node}\n")

    def start(self) -> None:
        """All at once: from RabbitMQ 4.0 on none becomes ready before it has found the others."""
        for node in self.nodes:
            node.begin_start()
        for node in self.nodes:
            node.wait_ready()

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(f"--- {n.node} {n.port}\n{n.log.tail(lines)}" for n in self.nodes)

    @property
    def running(self) -> list[Broker]:
        return [node for node in self.nodes if node.is_running()]

    @property
    def host(self) -> str:
        return ",".join(f"{node.host}:{node.port}" for node in self.nodes)

    def env(self, port: int | None = None) -> dict[str, str]:
        assert port is None, "there is no one port to stand for"
        return {"RABBITMQ_HOST": self.host, "RABBITMQ_USER": ADMIN,
                "RABBITMQ_PASSWORD": ADMIN_PASSWORD, "RABBITMQ_VHOST": "/"}

    def connect(self) -> pika.BlockingConnection:
        return self.running[0].connect("/", ADMIN, ADMIN_PASSWORD)

    def rabbitmqctl(self, *args: str, seconds: float = 60.0) -> str:
        return self.running[0].rabbitmqctl(*args, seconds=seconds)

    def _queues(self, *columns: str) -> dict[str, list[str]]:
        """Name -> columns of each queue."""
        lines = self.rabbitmqctl("list_queues", "--no-table-headers", "name", *columns).splitlines()
        return {words[0]: words[1:] for words in (line.split("\t") for line in lines) if words[1:]}

    def queues(self) -> dict[str, list[str]]:
        return self._queues("messages_ready", "messages_unacknowledged", "consumers", "leader",
                            "online")

    def leader(self, queue: str) -> Broker:
        """The node on which the queue's leader runs."""
        name = self._queues("leader")[queue][0].strip()
        return next(node for node in self.nodes if node.node == name)

    def backlog(self) -> int:
        """Messages of all queues, delivered ones included."""
        counts = self._queues("messages_ready", "messages_unacknowledged")
        return sum(int(n) for columns in counts.values() for n in columns)

    def messages_are_gone(self) -> bool:
        return self.backlog() == 0

    def wait_whole(self, seconds: float = 60.0) -> None:
        """Until every queue has a member that works on every node."""
        def is_whole() -> bool:
            online = [columns[0] for columns in self._queues("online").values()]
            return bool(online) and all(names.count("@") == len(self.nodes) for names in online)
        wait_for("every member of every queue at work", is_whole, seconds, 0.2)
