# SPDX-License-Identifier: Apache-2.0
"""What the CNS event logger required of its subscribers."""
from rig.stack import Stack
from rig.wait import wait_for
from seeds import BOM


def test_C1_stored_and_told_to_subscribers(stack: Stack) -> None:
    connection = stack.broker.connect()
    try:
        channel = connection.channel()
        channel.queue_declare("mine", exclusive=True)
        channel.queue_bind("mine", "events", "cns.processing.#")
        for kind in ("processing_started", "my_event", "processing_completed"):
            answer = stack.post({"event_type": kind, "bom_id": BOM, "organization_id": "org-123",
                                 "workflow_id": "w", "event_id": kind})
            assert answer.status_code == 202
            stack.event(kind)
        first = wait_for("a message", lambda: got(channel))
        second = wait_for("a message", lambda: got(channel))
    finally:
        connection.close()
    assert (first[0].routing_key, priority_of(first)) == ("cns.processing.started", 7)
    assert (second[0].routing_key, priority_of(second)) == ("cns.processing.completed", 8)
    assert first[1].message_id and first[1].content_type and b"processing_started" in first[2]


def priority_of(message: tuple) -> int:
    return message[1].headers["holdfast-priority"]


def got(channel) -> tuple | None:
    frame, properties, body = channel.basic_get("mine", auto_ack=True)
    return (frame, properties, body) if frame else None
