# SPDX-License-Identifier: Apache-2.0
"""The rig itself: what the other tests rely on."""
import time
from pathlib import Path

import pika
import psycopg
import pytest

from rig.broker import Broker, Vhost
from rig.broker_log import BrokerLog
from rig.database import Cluster
from rig.process import Process, clean_environment
from rig.stack import Stack
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


def test_a_broker_that_takes_no_queue_is_found_ill_and_replaced(broker_server: Broker) -> None:
    assert broker_server.is_well()
    broker_server.rabbitmqctl("eval", "supervisor:terminate_child(rabbit_sup, rabbit_fifo_dlx_sup).")
    assert not broker_server.is_well()
    old = broker_server.node
    broker_server.replace()
    assert broker_server.node != old and broker_server.is_well()


def test_of_a_broker_s_log_the_reports_of_errors_are_shown(tmp_path: Path) -> None:
    def line(level: str, process: int, text: str) -> str:
        return f"2026-01-01 00:00:00.000000+00:00 [{level}] <0.{process}.0> {text}\n"
    log, file = BrokerLog(tmp_path), tmp_path / "node.log"
    file.write_text(line("error", 1, "before"))
    mark = log.mark()
    with open(file, "a", encoding="ascii") as f:
        f.write(line("info", 2, "no error"))
        f.write(line("error", 3, "Channel error on connection"))
        f.write(line("error", 3, "operation queue.declare caused a channel exception not_found: q"))
        f.writelines(line("error", 4, f"crash line {n}") for n in range(100))
        f.writelines(line("error", 5 + n, f"report {n}") for n in range(100))
    shown = log.errors(mark)
    assert "crash line 24" in shown and "crash line 25" not in shown
    assert "before" not in shown and "no error" not in shown and "not_found" not in shown
    assert "report 0" in shown and "report 99" in shown and "… 89 more reports" in shown
    assert len(shown.splitlines()) < 60


def test_virtual_hosts_are_apart(broker_server: Broker) -> None:
    one, two = broker_server.create_vhost(), broker_server.create_vhost()
    with one.connect() as connection:
        connection.channel().queue_declare("q", durable=True)
        assert "q" in one.queues() and two.queues() == {}
    one.drop()
    two.drop()


def test_connections_that_are_cut_are_those_of_one_virtual_host(broker_server: Broker,
                                                                 broker: Vhost) -> None:
    other = broker_server.create_vhost()
    mine, theirs = [broker.connect() for _ in range(3)], other.connect()
    assert broker.close_connections() == len(mine)
    for connection in mine:
        with pytest.raises(pika.exceptions.ConnectionClosed):
            connection.process_data_events(5)
    theirs.process_data_events(0)
    theirs.close()
    other.drop()


def test_to_cut_no_connection_is_a_failure(broker: Vhost) -> None:
    with pytest.raises(AssertionError, match="no connection was cut"):
        broker.close_connections()
    connection = broker.connect()
    assert broker.close_connections() == 1
    with pytest.raises(pika.exceptions.ConnectionClosed):
        connection.process_data_events(5)
    with pytest.raises(AssertionError, match="no connection was cut"):
        broker.close_connections()


def test_daemons_that_were_cut_come_back(stack: Stack) -> None:
    stack.post({"event_type": "before"})
    stack.wait_count(1)
    assert stack.broker.close_connections() >= len(stack.daemons)
    wait_for("every daemon cut", lambda: all("link_lost" in d.log_text() for d in stack.daemons))
    stack.start()
    stack.post({"event_type": "after"})
    stack.wait_count(2)


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
