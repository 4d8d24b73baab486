# SPDX-License-Identifier: Apache-2.0
"""For the tests of what the older systems required: an event from the request to its row, looked at
on the way, while no consumer runs yet."""
import json

from rig.stack import Stack
from rig.wait import wait_for

BOM = "550e8400-e29b-41d4-a716-446655440000"
LANES = {"log_queue": "normal", "log_queue.urgent": "urgent"}


class Way:
    """Post, see the lane, then store() and see the row. One producer, a consumer only at the end."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.lanes: dict[str, str] = {}
        self.properties: list = []

    def post(self, body: object, path: str = "/log", **options) -> str:
        answer = self.stack.post(body, path, **options)
        assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
        return answer.json()["event_id"]

    def store(self) -> None:
        """Notes the lane each event waits in, then lets a consumer take them all."""
        connection = self.stack.broker.connect()
        try:
            channel = connection.channel()
            for queue, lane in LANES.items():
                self._peek(channel, queue, lane)
        finally:
            connection.close()
        if not self.stack.consumers:
            self.stack.add_consumer()
        self.stack.start()
        self.stack.wait_drained()

    def _peek(self, channel, queue: str, lane: str) -> None:
        while True:
            frame, properties, body = channel.basic_get(queue)
            if frame is None:
                return
            self.properties.append(properties)
            for line in body.splitlines():
                event = json.loads(line)
                self.lanes[event.get("event_id", event["id"])] = lane

    def row(self, event_id: str) -> dict:
        return self.stack.event(event_id)


def judged(way: Way, event_id: str) -> tuple:
    """What the catalogue decides: routing key, priority, lane, severity."""
    row = way.row(event_id)
    return row["routing_key"], row["priority"], way.lanes[event_id], row["severity"]


def faults(answer) -> dict[str, str]:
    """Pointer -> what is wrong, of a refused event."""
    assert answer.status_code == 422, f"{answer.status_code} {answer.text}"
    return {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}


def stored(stack: Stack, body: object, path: str = "/log", **options) -> dict:
    """The row of one event that is taken."""
    answer = stack.post(body, path, **options)
    assert answer.status_code == 202, f"{answer.status_code} {answer.text}"
    return stack.event(answer.json()["event_id"])


def until_row(stack: Stack, query: str) -> dict:
    return wait_for(query, lambda: stack.database.rows(query))[0]
