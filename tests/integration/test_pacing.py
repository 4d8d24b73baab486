# SPDX-License-Identifier: Apache-2.0
"""Events that come one by one share transactions: small ones begin some milliseconds apart."""
import socket

from rig.stack import Stack
from rig.wait import wait_for

CLIENTS, EACH = 8, 100
APART_MS = 5
REQUEST = (b"POST /log HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
           b'Content-Length: 35\r\n\r\n{"event_type": "matching_progress"}')

TOLD = """SELECT count(*) AS batches, coalesce(sum(events), 0) AS events,
                 extract(epoch FROM max(committed_at) - min(committed_at)) * 1000 AS ms FROM batches"""


def post_all(port: int) -> None:
    """Each client has one request answered at a time; the others wait in its socket."""
    clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(REQUEST * EACH)
    for client in clients:
        answers = b""
        while answers.count(b"HTTP/1.1 202") < EACH:
            more = client.recv(65536)
            assert more, answers[-1000:]
            answers += more
        client.close()


def test_small_transactions_begin_some_time_apart(stack: Stack) -> None:
    post_all(stack.producer.port)
    with stack.database.connect() as session:
        row = wait_for("all stored", lambda: next(
            (r for r in session.execute(TOLD) if r["events"] == CLIENTS * EACH), None))
    print(row)
    # committed_at is when the server heard of a transaction, sooner or later after its beginning.
    assert row["batches"] <= float(row["ms"]) / APART_MS * 1.1 + 2
