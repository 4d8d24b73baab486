# SPDX-License-Identifier: Apache-2.0
"""The rig itself: what the other tests rely on."""
import time
from pathlib import Path

import psycopg
import pytest

from rig.broker import Broker, Vhost
from rig.database import Cluster
from rig.process import Process, clean_environment
from rig.wait import Overdue, free_port, wait_for


def test_wait_for_ends_at_its_deadline() -> None:
    with pytest.raises(Overdue):
        wait_for("never", lambda: False, 0.1, 0.01)


def test_free_ports_are_out_of_the_ephemeral_range() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < low for _ in range(20))


def test_a_kill_takes_the_whole_family(tmp_path: Path) -> None:
    family = Process("family", ["sh", "-c", "sleep 60 & wait"], clean_environment(),
                     tmp_path / "log")
    family.start()
    wait_for("a child", lambda: len(family.family()) == 2)
    family.kill9()
    assert family.left_over() == []


def test_the_broker_keeps_confirmed_messages_through_a_kill(broker: Vhost) -> None:
    connection = broker.connect()
    channel = connection.channel()
    channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    # This broker saves the name of a new quorum queue's log every half second: a queue is as safe
    # as its messages only from then on.
    sent, deadline = 0, time.monotonic() + 1.5
    while time.monotonic() < deadline:
        channel.basic_publish("", "q", str(sent).encode())
        sent += 1
    broker.kill9()
    broker.start()
    wait_for("the queue back", lambda: broker.ready("q") == sent)
    assert sorted(int(b) for b in broker.queue_bodies("q")) == list(range(sent))


def test_virtual_hosts_are_apart(broker_server: Broker) -> None:
    one, two = broker_server.create_vhost(), broker_server.create_vhost()
    with one.connect() as connection:
        connection.channel().queue_declare("q", durable=True)
        assert "q" in one.queues() and two.queues() == {}
    one.drop()
    two.drop()


def test_the_database_keeps_commits_through_a_kill(cluster: Cluster) -> None:
    database = cluster.create_database("rig_kill")
    with database.connect() as session:
        session.execute("CREATE TABLE t (n int)")
        session.execute("INSERT INTO t SELECT generate_series(1, 100)")
        cluster.kill9()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    cluster.start()
    assert database.value("SELECT count(*) FROM t") == 100
    assert database.value("SHOW data_checksums") == "on"
    database.drop()
