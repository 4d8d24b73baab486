# SPDX-License-Identifier: Apache-2.0
"""The feed: what is stored is told to the topic exchange, at least once, whatever is killed."""
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest

from rig.broker import Vhost
from rig.stack import Stack, base_env
from rig.wait import wait_for

sys.path.append(str(Path(__file__).resolve().parents[1] / "fault"))

# The path above must be there first.
from proxy import AMQP, Proxy  # noqa: E402

EXCHANGE = "events"


class Subscriber:
    """A queue of its own bound to the exchange; what came is kept by message id."""

    def __init__(self, broker: Vhost, *bindings: str, exchange: str = EXCHANGE):
        self.connection = broker.connect()
        self.channel = self.connection.channel()
        self.channel.exchange_declare(exchange, "topic", durable=True)
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        for binding in bindings:
            self.channel.queue_bind(self.queue, exchange, binding)

    def take(self) -> Iterator[tuple]:
        """What lies in the queue now: (method, properties, body)."""
        while True:
            message = self.channel.basic_get(self.queue, auto_ack=True)
            if message[0] is None:
                return
            yield message

    def wait(self, count: int, seconds: float = 20.0) -> list[tuple]:
        found: list[tuple] = []

        def enough() -> bool:
            found.extend(self.take())
            return len(found) >= count
        wait_for(f"{count} messages of the feed", enough, seconds)
        return found

    def close(self) -> None:
        self.connection.close()


@contextmanager
def subscriber(broker: Vhost, *bindings: str) -> Iterator[Subscriber]:
    s = Subscriber(broker, *bindings)
    try:
        yield s
    finally:
        s.close()


def test_a_stored_event_is_told_as_it_is_stored(stack: Stack, broker: Vhost) -> None:
    with subscriber(broker, "cns.risk.#") as mine, subscriber(broker, "other.#") as other:
        answer = stack.post('{"event_type":"risk_alert","event_id":"r-1","severity":"high",'
                            '"routing_key":"cns.risk.alert.high","priority":8,'
                            '"bom_id":"01a1fbad-2991-7001-a38f-000000000001",'
                            '"organization_id":"01a1fbad-2991-7001-a38f-000000000001",'
                            '"payload":{"risk_score":65.50,"mpn":"m"}}')
        assert answer.status_code == 202
        [(method, properties, body)] = mine.wait(1)
        assert stack.count("event_id = 'r-1'") == 1
        row = stack.event("r-1")
        assert method.routing_key == "cns.risk.alert.high"
        assert properties.message_id == str(row["id"])
        assert (properties.content_type, properties.type) == ("application/json", "risk_alert")
        assert (properties.priority, properties.delivery_mode) == (None, 2)
        assert properties.headers["holdfast-priority"] == 8
        told = json.loads(body)
        assert told["id"] == str(row["id"]) and told["event_id"] == "r-1"
        assert told["severity"] == "error" == row["severity"]
        assert told["payload"] == row["payload"] and b"65.50" in body
        assert list(other.take()) == []


def test_every_event_of_a_batch_has_its_own_message(stack: Stack, broker: Vhost) -> None:
    with subscriber(broker, "events.#") as mine:
        events = [{"event_type": f"type_{n % 3}", "event_id": f"b-{n}", "priority": n % 7}
                  for n in range(500)]
        assert stack.post(events).status_code == 202
        found = {json.loads(body)["event_id"]: (method, properties)
                 for method, properties, body in mine.wait(500)}
        assert len(found) == 500
        for n in range(500):
            method, properties = found[f"b-{n}"]
            assert method.routing_key == f"events.type_{n % 3}"
            assert properties.headers["holdfast-priority"] == n % 7
            assert properties.type == f"type_{n % 3}"


def test_what_nobody_is_bound_to_is_not_sent_and_hides_nothing(stack: Stack,
                                                                 broker: Vhost) -> None:
    """Of 1000 events of a key without a queue hardly any goes out; who binds then misses none of
    what is stored later."""
    def unrouted() -> float:
        return stack.consumer.metric("holdfast_feed_unrouted_total")
    with subscriber(broker, "other") as other:
        stack.post([{"event_type": "x", "routing_key": "lonely"} for _ in range(1000)])
        wait_for("told to nobody", lambda: unrouted() == 1000)
        assert stack.consumer.metric("holdfast_feed_published_total") == 0
        other.channel.queue_bind(other.queue, EXCHANGE, "lonely")
        stack.post([{"event_type": "x", "event_id": f"n-{n}", "routing_key": "lonely"}
                    for n in range(1000)])
        told = other.wait(1000)
        assert len({json.loads(body)["event_id"] for _, _, body in told}) == 1000 == len(told)


def test_who_is_bound_through_other_exchanges_misses_nothing(stack: Stack, broker: Vhost) -> None:
    """A headers exchange behind ours takes all or none of a key; what nobody is bound to goes by
    the alternate exchange."""
    status, answer = broker.server.api(
        "PUT", f"/api/policies/{broker.vhost}/alternate",
        {"pattern": f"^{EXCHANGE}$", "definition": {"alternate-exchange": "others"},
         "apply-to": "exchanges"})
    assert status in (201, 204), answer
    with subscriber(broker) as mine, subscriber(broker) as rest:
        channel = mine.channel
        channel.exchange_declare("behind", "headers")
        channel.exchange_bind("behind", EXCHANGE, "seen.#")
        channel.queue_bind(mine.queue, "behind", arguments={"x-match": "any", "no": "such"})
        channel.queue_bind(mine.queue, "behind", arguments={"x-match": "all"})
        channel.exchange_declare("others", "fanout")
        rest.channel.queue_bind(rest.queue, "others")
        stack.post([{"event_type": "x", "event_id": f"{key}-{n}", "routing_key": f"{key}.a"}
                    for n in range(300) for key in ("seen", "unseen")])
        for of, key in ((mine, "seen"), (rest, "unseen")):
            told = {json.loads(body)["event_id"] for _, _, body in of.wait(300)}
            assert told == {f"{key}-{n}" for n in range(300)}


def test_only_what_is_committed_is_told(stack: Stack, broker: Vhost) -> None:
    """A repetition adds nothing, a conflict and what cannot be read go to quarantine."""
    with subscriber(broker, "#") as mine:
        stack.post({"event_type": "once", "event_id": "c-1"})
        stack.event("c-1")
        stack.post({"event_type": "once", "event_id": "c-1"})
        stack.post({"event_type": "twice", "event_id": "c-1"})
        with broker.connect() as connection:
            connection.channel().basic_publish("", "log_queue", b"{not json")
        stack.post({"event_type": "last", "event_id": "c-2"})
        stack.event("c-2")
        wait_for("quarantined", lambda: stack.database.value("SELECT count(*) FROM quarantine") == 2)
        wait_for("all acknowledged",
                 lambda: stack.consumer.metric("holdfast_in_flight_messages") == 0)
        assert sorted(json.loads(body)["event_id"] for _, _, body in mine.wait(2)) == ["c-1", "c-2"]
        assert list(mine.take()) == []


def test_a_long_type_is_cut_between_characters(stack: Stack, broker: Vhost) -> None:
    with subscriber(broker, "long.#") as mine:
        key, kind = "long." + "ü" * 125, "€" * 100
        answer = stack.post({"event_type": kind, "event_id": "l-1", "routing_key": key})
        assert answer.status_code == 202, answer.text
        [(method, properties, body)] = mine.wait(1)
        assert method.routing_key == key
        assert properties.type == "€" * 85 and json.loads(body)["event_type"] == kind
        assert stack.consumer.metric("holdfast_feed_cut_total") == 1


def test_a_message_of_another_program_is_told_under_its_stored_id(stack: Stack,
                                                                  broker: Vhost) -> None:
    with subscriber(broker, "#") as mine, broker.connect() as connection:
        connection.channel().basic_publish(
            "", "log_queue", json.dumps({"session_id": 7, "event_type": "review_started",
                                         "payload": {"a": 1}}, indent=1).encode(),
            pika.BasicProperties(content_type="application/json"))
        [(_, properties, body)] = mine.wait(1)
        assert b"\n" not in body
        stack.wait_count(1)
        [row] = stack.database.rows("SELECT id, received_at FROM log_events")
        told = json.loads(body)
        assert properties.message_id == told["id"] == str(row["id"])
        assert told["received_at"] == row["received_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (told["session_id"], told["payload"]) == (7, {"a": 1})


def test_an_independent_client_receives_it(stack: Stack, broker: Vhost) -> None:
    assert shutil.which("amqp-consume"), "amqp-tools is not installed"
    with broker.connect() as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare("tools", durable=True)
        channel.queue_bind("tools", EXCHANGE, "*.tools")
    stack.post({"event_type": "x", "event_id": "t-1", "routing_key": "for.tools"})
    done = subprocess.run(
        ["amqp-consume", f"--server={broker.host}", f"--port={broker.port}",
         f"--vhost={broker.vhost}", f"--username={broker.user}", f"--password={broker.password}",
         "--queue=tools", "--count=1", "cat"],
        capture_output=True, text=True, timeout=30, check=True, env=base_env())
    assert json.loads(done.stdout)["event_id"] == "t-1"


def test_off_means_no_exchange(make_stack: Callable[..., Stack], broker: Vhost) -> None:
    stack = make_stack(consumer_env={"RABBITMQ_EXCHANGE": ""})
    stack.post({"event_type": "x", "event_id": "o-1"})
    stack.event("o-1")
    assert "feed" not in stack.consumer.health()["checks"]
    with broker.connect() as connection:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            connection.channel().exchange_declare(EXCHANGE, passive=True)


def test_what_the_broker_lost_is_told_again(make_stack: Callable[..., Stack],
                                            broker: Vhost) -> None:
    """Connections cut under load: every event is told, the exchange is declared anew."""
    with Proxy(broker.port, AMQP) as link, subscriber(broker, "#") as mine:
        stack = make_stack(consumer_amqp_port=link.port)
        for n in range(20):
            stack.post([{"event_type": "x", "event_id": f"w-{n}-{i}"} for i in range(200)])
            if n % 5 == 4:
                wait_for("connections cut", link.cut)
        ids: set[str] = set()

        def complete() -> bool:
            ids.update(json.loads(body)["event_id"] for _, _, body in mine.take())
            return len(ids) == 4000
        wait_for("every event told", complete, 60)
        assert not stack.stop()


def test_storage_goes_on_when_the_feed_cannot(make_stack: Callable[..., Stack],
                                              broker: Vhost) -> None:
    """No right to publish there: after its patience the consumer stores without the feed, says so,
    and tells again once it may."""
    may = f"/api/permissions/{broker.vhost}/{broker.user}"
    queues = "^(log_queue.*|amq\\.default)$"
    broker.server.api("PUT", may, {"configure": queues, "write": queues, "read": queues})
    stack = make_stack(consumer_env={"FEED_PATIENCE": "1"})
    for n in range(5):
        stack.post({"event_type": "x", "event_id": f"s-{n}"})
    stack.wait_count(5)
    stack.wait_drained()
    assert stack.consumer.metric("holdfast_feed_dropped_total") == 5
    health = stack.consumer.health()
    assert health["status"] == "degraded" and health["checks"]["feed"]["status"] == "degraded"
    assert "feed_held_up" in stack.consumer.log_text()
    broker.server.api("PUT", may, {"configure": ".*", "write": ".*", "read": ".*"})
    with subscriber(broker, "#") as mine:
        n = 5

        def told() -> list[tuple]:
            nonlocal n
            n += 1
            stack.post({"event_type": "x", "event_id": f"s-{n}"})
            return list(mine.take())
        wait_for("told again", told, 30, 0.2)
        wait_for("healthy", lambda: stack.consumer.health()["status"] == "healthy")


def test_a_subscriber_that_refuses_harms_nobody(stack: Stack, broker: Vhost) -> None:
    with subscriber(broker, "#") as mine:
        mine.channel.queue_declare("full", arguments={"x-max-length": 1,
                                                      "x-overflow": "reject-publish"})
        mine.channel.queue_bind("full", EXCHANGE, "#")
        stack.post([{"event_type": "x", "event_id": f"f-{n}"} for n in range(100)])
        assert len(mine.wait(100)) == 100
        wait_for("refusals counted",
                 lambda: stack.consumer.metric("holdfast_feed_refused_total") > 0)
        wait_for("all acknowledged",
                 lambda: stack.consumer.metric("holdfast_in_flight_messages") == 0)


@pytest.mark.asan
def test_a_subscriber_misses_nothing_through_two_kills(make_stack: Callable[..., Stack],
                                                       broker: Vhost) -> None:
    """50,000 mixed events, the consumer killed twice while they are stored: who is bound to
    cns.risk.alert.* receives every one of those, and no other."""
    stack = make_stack()
    total, batch = 50_000, 500
    keys = ["cns.risk.alert.critical", "cns.risk.alert.high", "cns.risk.alert.medium",
            "cns.risk.summary", "cns.enrichment.progress", "events.x", "cns.risk.alert.a.b"]
    wanted = {f"k-{n}" for n in range(total) if n % len(keys) < 3}
    got: dict[str, int] = {}
    mine = Subscriber(broker, "cns.risk.alert.*")
    stopped = threading.Event()

    def post() -> None:
        for first in range(0, total, batch):
            events = [{"event_type": "x", "event_id": f"k-{n}", "priority": n % 10,
                       "routing_key": keys[n % len(keys)]} for n in range(first, first + batch)]
            while not stopped.is_set() and stack.post(events).status_code != 202:
                stopped.wait(0.2)

    poster = threading.Thread(target=post)
    poster.start()
    try:
        for part in (0.25, 0.6):
            wait_for(f"{part:.0%} stored", lambda p=part: stack.count() >= total * p, 120)
            stack.consumer.kill9()
            stack.consumer.restart()
        poster.join(120)

        def complete() -> bool:
            for method, _, body in mine.take():
                assert method.routing_key in keys[:3]
                event_id = json.loads(body)["event_id"]
                got[event_id] = got.get(event_id, 0) + 1
            return stack.count() == total and wanted <= got.keys()
        wait_for("every matching event told", complete, 120, 0.2)
    finally:
        stopped.set()
        poster.join()
        mine.close()
    print(f"{len(wanted)} wanted of {total}, none missing,",
          f"{sum(n > 1 for n in got.values())} told more than once")
    assert got.keys() == wanted
    assert stack.count() == total


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_a_subscriber_gets_commit_order_whatever_the_priorities(stack: Stack, broker: Vhost,
                                                                queue_type: str) -> None:
    """Quorum queues of RabbitMQ 4.3 deliver by AMQP's priority without being asked."""
    queue = f"ordered-{queue_type}"
    with broker.connect() as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": queue_type})
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_bind(queue, EXCHANGE, "ordered")
        answer = stack.post([{"event_type": "x", "routing_key": "ordered", "event_id": str(n),
                              "priority": n % 7} for n in range(60)])
        assert answer.status_code == 202
        stack.wait_count(60)
        wait_for("all told", lambda: broker.ready(queue) == 60)
        told = [channel.basic_get(queue, auto_ack=True) for _ in range(60)]
    assert [json.loads(body)["event_id"] for _, _, body in told] == [str(n) for n in range(60)]
    assert {properties.priority for _, properties, _ in told} == {None}
    assert [properties.headers["holdfast-priority"] for _, properties, _ in told] == [
        n % 7 for n in range(60)]


def test_a_backlog_of_the_grave_does_not_starve_the_rest(stack: Stack, broker: Vhost) -> None:
    queue = "backlog"
    with broker.connect() as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_bind(queue, EXCHANGE, "#")
        for n, priority in enumerate([0, 6, 6, 6, 0, 6]):
            assert stack.post({"event_type": "x", "event_id": str(n), "routing_key": "b",
                               "priority": priority}).status_code == 202
            stack.event(str(n))
        wait_for("all told", lambda: broker.ready(queue) == 6)
        told = [json.loads(channel.basic_get(queue, auto_ack=True)[2]) for _ in range(6)]
    assert [(e["event_id"], e["priority"]) for e in told] == [
        ("0", 0), ("1", 6), ("2", 6), ("3", 6), ("4", 0), ("5", 6)]


def test_messages_of_a_lane_have_no_priority_a_stranger_could_pass(
        make_stack: Callable[..., Stack], broker: Vhost) -> None:
    """From 4.3 on a message without a priority counts as one of the middle."""
    stack = make_stack(consumers=0)
    with broker.connect() as connection:
        channel = connection.channel()
        for n in range(6):
            assert stack.post({"event_type": "x", "event_id": f"ours-{n}",
                               "priority": n}).status_code == 202
            channel.basic_publish("", "log_queue", b'{"event_type":"x"}')
        wait_for("all there", lambda: broker.ready("log_queue") == 12)
        found = [channel.basic_get("log_queue", auto_ack=True) for _ in range(12)]
    assert {properties.priority for _, properties, _ in found} == {None}
    assert [b"ours" in body for _, _, body in found] == [True, False] * 6
