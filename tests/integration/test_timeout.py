# SPDX-License-Identifier: Apache-2.0
"""A broker that loses patience with what a consumer holds. Up to 4.2 it closes the channel; from 4.3
on it cancels the consumer of a quorum queue and leaves the channel open, and what is acknowledged
too late would revive that consumer or cost the channel later."""
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.broker import Broker, Vhost
from rig.stack import Stack
from rig.wait import wait_for

PATIENCE_MS, LOOK_MS = 3000, 500


@pytest.fixture
def impatient(rig_folder: Path) -> Iterator[Broker]:
    server = Broker(rig_folder / "impatient")
    (server.folder / "advanced.config").write_text(
        f"[{{rabbit, [{{consumer_timeout, {PATIENCE_MS}}}, {{channel_tick_interval, {LOOK_MS}}}, "
        f"{{quorum_tick_interval, {LOOK_MS}}}]}}].\n")
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def broker(impatient: Broker) -> Vhost:
    """In place of the shared one."""
    return impatient.create_vhost()


def gave_up(stack: Stack) -> bool:
    actions = [json.loads(line)["event.action"] for line in stack.consumer.log_text().splitlines()]
    return "consumer_cancelled" in actions or "link_channel_closed" in actions


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_what_is_held_too_long_comes_again_and_is_stored_once(
        make_stack: Callable[..., Stack], broker: Vhost, impatient: Broker,
        queue_type: str) -> None:
    env = {"RABBITMQ_QUEUE_TYPE": queue_type}
    stack = make_stack(producer_env=env, consumer_env=env)
    version = str(impatient.api("GET", "/api/overview")[1]["rabbitmq_version"])
    if queue_type == "classic" and tuple(map(int, version.split(".")[:2])) >= (4, 3):
        pytest.skip("no timeout of classic queues from 4.3 on")
    events = [{"event_type": "x", "event_id": f"held-{n}"} for n in range(5)]
    with stack.database.connect(autocommit=False) as session:
        session.execute("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE")
        assert stack.post(events).status_code == 202
        wait_for("the broker losing patience", lambda: gave_up(stack), 40)
        session.rollback()
    stack.wait_count(5)
    stack.consumer.wait_ready()
    mark = impatient.log.mark()
    reconnects = stack.consumer.metric("holdfast_amqp_reconnects_total")
    for n in range(20):
        answer = stack.post({"event_type": "x", "event_id": f"later-{n}"})
        assert answer.status_code == 202, answer.text
        stack.event(f"later-{n}")
    # Longer than the patience: nothing of before is held for it to end.
    wait_for("everything acknowledged", broker.messages_are_gone, 20)
    stack.wait_count(25)
    assert stack.consumer.metric("holdfast_amqp_reconnects_total") == reconnects
    assert impatient.log.errors(mark) == ""
