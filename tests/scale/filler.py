# SPDX-License-Identifier: Apache-2.0
"""Puts messages on the queue as a producer would: of one event each, like one that is never busy,
or of many, like one under load; persistent, under ids of their own."""
import json
import time
import uuid
from collections.abc import Iterator
from itertools import islice
from datetime import datetime, timezone

import pika

from rig.broker import Vhost
from rig.wait import wait_for

QUEUE = "log_queue"
CONTENT_TYPE, TYPE, HEADERS = "application/x-ndjson", "holdfast.events", {"holdfast-version": 1}


def lines(count: int, payload_bytes: int = 150) -> Iterator[bytes]:
    """Normalised events with ids that grow, a thousand to a millisecond."""
    now = time.time()
    received_at = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for n in range(count):
        made = uuid.UUID(int=(int(now * 1000) + n // 1000) << 80 | 7 << 76 | (n % 1000) << 64
                         | 2 << 62 | n)
        yield json.dumps({
            "id": str(made), "received_at": received_at,
            "event_type": "scale.backlog", "severity": "info",
            "routing_key": "events.scale.backlog", "priority": 5,
            "payload": {"n": n, "text": "x" * payload_bytes}},
            separators=(",", ":")).encode() + b"\n"


def fill(broker: Vhost, messages: int, events: int = 1) -> None:
    """Returns when all of them are ready in the queue. events: in each message.

    The channel stays open until then: with it the broker would drop what it has not yet written.
    """
    before = broker.ready(QUEUE)
    made = lines(messages * events)
    connection = broker.connect()
    try:
        channel = connection.channel()
        for n in range(messages):
            channel.basic_publish("", QUEUE, b"".join(islice(made, events)), pika.BasicProperties(
                content_type=CONTENT_TYPE, type=TYPE, delivery_mode=2, headers=HEADERS,
                message_id=f"backlog-{n}"))
        wait_for(f"{messages} messages ready", lambda: broker.ready(QUEUE) == before + messages)
    finally:
        connection.close()
