# SPDX-License-Identifier: Apache-2.0
"""Events that come one by one share transactions, and transactions acknowledgements: small ones
begin some milliseconds apart, and what was stored is acknowledged some milliseconds later."""
import socket
from collections.abc import Callable

from rig.broker import Vhost
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


def is_stored(stack: Stack, events: int) -> bool:
    return stack.database.value("SELECT count(*) FROM log_events") == events


def test_what_is_stored_is_acknowledged_soon(stack: Stack) -> None:
    """Without another event behind it; so a consumer that is killed then leaves nothing."""
    stack.post({"event_type": "alone"})
    wait_for("stored", lambda: is_stored(stack, 1))
    wait_for("acknowledged", lambda: stack.consumer.metric("holdfast_in_flight_messages") == 0)
    stack.consumer.kill9()
    wait_for("nothing left to the queue", stack.broker.messages_are_gone)


def test_a_small_prefetch_does_not_wait_for_acknowledgements(make_stack: Callable[..., Stack],
                                                             broker: Vhost) -> None:
    """With one message at a time each acknowledgement is waited for: none may be put off."""
    count, put_off_s = 300, 0.020
    stack = make_stack(consumers=0)
    with broker.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()  # else the connection's end loses what waits for the queue
        for n in range(count):
            channel.basic_publish("", "log_queue", b'{"event_type": "x", "event_id": "%d"}' % n)
    stack.add_consumer(env={"CONSUMER_PREFETCH": "1"})
    stack.start()
    wait_for("all stored", lambda: is_stored(stack, count), 60)
    moments = [row["committed_at"] for row in stack.database.rows(
        "SELECT committed_at FROM batches ORDER BY committed_at")]
    assert len(moments) == count
    # A busy machine makes some pauses long; putting off would make every one of them as long.
    pauses_s = sorted((b - a).total_seconds() for a, b in zip(moments, moments[1:]))
    assert pauses_s[count // 10] < put_off_s, pauses_s
