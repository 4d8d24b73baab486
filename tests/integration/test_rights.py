# SPDX-License-Identifier: Apache-2.0
"""The logins of the broker with the rights that deploy/up gives them, and no more: the producer may
publish to the default exchange, and that is all."""
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest

from rig.broker import Vhost
from rig.stack import Stack
from rig.wait import free_port, wait_for

QUEUES = r"log_queue(\..*)?"
PRODUCER = {"configure": "^$", "write": r"^amq\.default$", "read": "^$"}
CONSUMER = {"configure": f"^({QUEUES}|events)$", "write": r"^(amq\.default|events)$",
            "read": f"^({QUEUES})$"}
LOOKING_NEEDS_A_RIGHT = (4, 3)  # since this version


@pytest.fixture
def login(broker: Vhost) -> Iterator[dict[str, str]]:
    """The producer's; the stack's own becomes the consumer's."""
    name = f"p-{broker.vhost}"
    for path, body in ((f"users/{name}", {"password": name, "tags": ""}),
                       (f"permissions/{broker.vhost}/{name}", PRODUCER),
                       (f"permissions/{broker.vhost}/{broker.user}", CONSUMER)):
        assert broker.server.api("PUT", f"/api/{path}", body)[0] in (201, 204)
    yield {"RABBITMQ_USER": name, "RABBITMQ_PASSWORD": name}
    broker.server.api("DELETE", f"/api/users/{name}")


@contextmanager
def channel_of(broker: Vhost, login: dict[str, str]) -> Iterator[pika.channel.Channel]:
    connection = broker.server.connect(broker.vhost, login["RABBITMQ_USER"],
                                       login["RABBITMQ_PASSWORD"])
    try:
        yield connection.channel()
    finally:
        connection.close()


def version(broker: Vhost) -> tuple[int, int]:
    major, minor = broker.server.api("GET", "/api/overview")[1]["rabbitmq_version"].split(".")[:2]
    return int(major), int(minor)


def levels(text: str) -> set[str]:
    return {json.loads(line)["log.level"] for line in text.splitlines()}


def test_events_are_stored_and_nobody_complains(make_stack: Callable[..., Stack],
                                                login: dict[str, str]) -> None:
    stack = make_stack(producer_env=login)
    for priority in (5, 9):
        assert stack.post({"event_type": "x", "event_id": f"r-{priority}",
                           "priority": priority}).status_code == 202
        stack.event(f"r-{priority}")
    assert levels(stack.producer.log_text()) == levels(stack.consumer.log_text()) == {"info"}


@pytest.mark.parametrize("what", ["declare", "delete", "purge", "get", "consume"])
def test_the_producer_cannot_touch_the_queue(what: str, make_stack: Callable[..., Stack],
                                             broker: Vhost, login: dict[str, str]) -> None:
    make_stack(producer_env=login)
    calls = {"declare": lambda c: c.queue_declare("log_queue", durable=True),
             "delete": lambda c: c.queue_delete("log_queue"),
             "purge": lambda c: c.queue_purge("log_queue"),
             "get": lambda c: c.basic_get("log_queue"),
             "consume": lambda c: c.basic_consume("log_queue", print)}
    with channel_of(broker, login) as channel, \
            pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
        calls[what](channel)


def test_the_producer_cannot_publish_to_the_feed(make_stack: Callable[..., Stack], broker: Vhost,
                                                 login: dict[str, str]) -> None:
    make_stack(producer_env=login)
    with channel_of(broker, login) as channel:
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
            channel.basic_publish("events", "x", b"forged")


def test_replies_reach_the_producer(make_stack: Callable[..., Stack], broker: Vhost,
                                    login: dict[str, str]) -> None:
    """The pseudo-queue of direct replies needs no right to read, nor an answer more than ours."""
    make_stack(producer_env=login)
    with channel_of(broker, login) as mine, broker.connect() as other:
        got = []
        mine.basic_consume("amq.rabbitmq.reply-to",
                           lambda channel, method, properties, body: got.append(body), auto_ack=True)
        other.channel().queue_declare("log_queue.asked", exclusive=True)
        mine.basic_publish("", "log_queue.asked", b"?",
                           pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
        answers = other.channel()
        for _, properties, _ in answers.consume("log_queue.asked", auto_ack=True):
            answers.basic_publish("", properties.reply_to, b"!")
            break
        wait_for("the answer", lambda: mine.connection.process_data_events(0.1) or got)
        assert got == [b"!"]


def test_the_queue_status_tells_what_the_broker_lets_it(make_stack: Callable[..., Stack],
                                                        broker: Vhost,
                                                        login: dict[str, str]) -> None:
    stack = make_stack(producer_env=login)
    status = stack.producer.get("/queue/status")
    assert status.status_code == 200
    known = version(broker) < LOOKING_NEEDS_A_RIGHT
    assert (status.json()["queue_info"]["consumer_count"] is not None) == known
    assert (status.json()["dead_letter"]["message_count"] is not None) == known


def test_without_its_queues_the_producer_waits_for_who_may_declare_them(
        make_stack: Callable[..., Stack], login: dict[str, str]) -> None:
    stack = make_stack(producer_env=login, start=False)
    stack.producer.start()
    refused = wait_for("an answer", lambda: stack.post({"event_type": "x"}))
    assert refused.status_code == 503 and "Retry-After" in refused.headers
    stack.consumer.start()
    wait_for("it is taken", lambda: stack.post(
        {"event_type": "x", "event_id": "late"}).status_code == 202, 60)
    stack.event("late")


def test_events_are_taken_though_the_database_was_never_there(
        make_stack: Callable[..., Stack], login: dict[str, str]) -> None:
    """The consumer makes the queues before it can store anything."""
    stack = make_stack(producer_env=login, database_port=free_port(), start=False)
    for daemon in stack.daemons:
        daemon.start()
    stack.producer.wait_ready()
    assert stack.post({"event_type": "x"}).status_code == 202
    assert stack.consumer.get("/readyz").status_code == 503


def test_a_queue_deleted_under_it_comes_back(make_stack: Callable[..., Stack], broker: Vhost,
                                             login: dict[str, str]) -> None:
    stack = make_stack(producer_env=login)
    with broker.connect() as connection:
        connection.channel().queue_delete("log_queue")
    wait_for("it is taken", lambda: stack.post(
        {"event_type": "x", "event_id": "after"}).status_code == 202, 60)
    stack.event("after")
