# SPDX-License-Identifier: Apache-2.0
"""The proxy and its readers of the two protocols: an instrument must be right first."""
import random
import socket
import threading
import time

import pika
import psycopg
import pytest

from proxy import AMQP, PLAIN, POSTGRES, TO_CLIENT, TO_SERVER, Proxy
from rig.broker import Vhost
from rig.database import Cluster
from wire import AmqpReader, PostgresClientReader, PostgresServerReader, PostgresState


def frame(kind: int, payload: bytes) -> bytes:
    return bytes([kind, 0, 1]) + len(payload).to_bytes(4, "big") + payload + b"\xce"


@pytest.mark.parametrize("seed", range(20))
def test_amqp_units_are_found_in_any_pieces(seed: int) -> None:
    ack = frame(1, b"\x00\x3c\x00\x50" + bytes(9))
    stream = b"AMQP\x00\x00\x09\x01" + ack + frame(3, bytes(range(256))) + frame(8, b"") + ack
    reader, units, dice = AmqpReader(), [], random.Random(seed)
    at = 0
    while at < len(stream):
        step = dice.randrange(1, 40)
        units += reader.feed(stream[at:at + step])
        at += step
    assert [u[0] for u in units] == ["header", "basic.ack", "body", "heartbeat", "basic.ack"]
    assert b"".join(u[1] for u in units) == stream


def test_postgres_units_are_found() -> None:
    state = PostgresState()
    client, server = PostgresClientReader(state), PostgresServerReader(state)
    ask = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
    begin = (9).to_bytes(4, "big") + (196608).to_bytes(4, "big") + b"\0"
    query = b"Q" + (11).to_bytes(4, "big") + b"COMMIT\0"
    assert [u[0] for u in client.feed(ask + begin + query)] == ["encryption request", "start", "Q"]
    done = b"C" + (11).to_bytes(4, "big") + b"COMMIT\0"
    ready = b"Z" + (5).to_bytes(4, "big") + b"I"
    assert [u[0] for u in server.feed(b"N" + done + ready)] == \
        ["encryption answer", "C COMMIT", "Z"]


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                pass

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def test_bytes_pass_and_a_cut_resets(echo: Echo) -> None:
    with Proxy(echo.port, PLAIN) as proxy, connect(proxy) as s:
        s.sendall(b"x" * 100_000)
        got = b""
        while len(got) < 100_000:
            got += s.recv(65536)
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            s.recv(1)


def test_a_delay_holds_bytes_back(echo: Echo) -> None:
    with Proxy(echo.port, PLAIN) as proxy, connect(proxy) as s:
        proxy.delay(0.1)
        begin = time.monotonic()
        s.sendall(b"x")
        assert s.recv(1) == b"x" and time.monotonic() - begin >= 0.2


def test_a_black_hole_passes_nothing(echo: Echo) -> None:
    with Proxy(echo.port, PLAIN) as proxy, connect(proxy) as s:
        proxy.blackhole()
        s.sendall(b"x")
        s.settimeout(0.3)
        with pytest.raises(TimeoutError):
            s.recv(1)


def test_a_connection_ends_after_so_many_bytes(echo: Echo) -> None:
    with Proxy(echo.port, PLAIN) as proxy, connect(proxy) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        proxy.cut_after(10)
        with pytest.raises(OSError):
            for _ in range(50):
                s.sendall(b"12345")
                s.recv(5)


def test_a_refused_connection_is_reset(echo: Echo) -> None:
    with Proxy(echo.port, PLAIN) as proxy:
        proxy.refuse()
        with pytest.raises(OSError), connect(proxy) as s:
            s.recv(1)


def test_the_reply_to_commit_is_swallowed(cluster: Cluster) -> None:
    database = cluster.create_database("proxy_commit")
    with database.connect() as direct:
        direct.execute("CREATE TABLE t (n int)")
    with Proxy(cluster.port, POSTGRES) as proxy:
        proxy.swallow(TO_CLIENT, "C COMMIT")
        session = psycopg.connect(host="127.0.0.1", port=proxy.port, dbname=database.name,
                                  user="rig_admin", password=cluster.password)
        session.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.OperationalError):
            session.commit()
        assert proxy.swallowed == 1
    assert database.value("SELECT count(*) FROM t") == 1
    database.drop()


def amqp(proxy: Proxy, broker: Vhost) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", proxy.port, broker.vhost,
        pika.PlainCredentials(broker.user, broker.password)))


def test_the_confirm_is_swallowed(broker: Vhost) -> None:
    with Proxy(broker.port, AMQP) as proxy:
        proxy.swallow(TO_CLIENT, "basic.ack", after=2)
        channel = amqp(proxy, broker).channel()
        channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        for _ in range(2):
            channel.basic_publish("", "q", b"x")
        with pytest.raises(pika.exceptions.AMQPError):
            channel.basic_publish("", "q", b"x")
        assert proxy.swallowed == 1
    assert broker.ready("q") == 3


def test_the_ack_of_a_delivery_is_swallowed(broker: Vhost) -> None:
    with Proxy(broker.port, AMQP) as proxy:
        channel = amqp(proxy, broker).channel()
        channel.queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
        channel.confirm_delivery()
        channel.basic_publish("", "q", b"x")
        frame_, _, _ = channel.basic_get("q")
        proxy.swallow(TO_SERVER, "basic.ack")
        with pytest.raises(pika.exceptions.AMQPError):
            channel.basic_ack(frame_.delivery_tag)
            channel.connection.process_data_events(5)
        assert proxy.swallowed == 1
    assert len(broker.queue_bodies("q")) == 1
