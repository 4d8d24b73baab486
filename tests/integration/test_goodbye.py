# SPDX-License-Identifier: Apache-2.0
"""Every connection to the broker that ends because we want it to ends in good order: the broker's
log has no warning of it."""
from collections.abc import Callable
from pathlib import Path

from rig.broker import Vhost
from rig.stack import Stack
from rig.wait import wait_for


class Closings:
    """What the broker says of the connections that end from now on."""

    def __init__(self, broker: Vhost):
        self.broker = broker
        self.mark: dict[Path, int] = broker.server.log.mark()

    def wait(self, *names: str) -> dict[str, str]:
        """Name -> level, once there is one for the beginning of each name."""
        def told() -> dict[str, str] | None:
            found = dict(self.broker.server.log.closings(self.mark, self.broker.vhost))
            return found if all(any(f.startswith(n) for f in found) for n in names) else None
        return wait_for(f"the broker telling that {names} ended", told)


def test_the_doctor_says_goodbye(stack: Stack, broker: Vhost) -> None:
    closings = Closings(broker)
    assert stack.cli("doctor", "--no-send").returncode == 0
    assert closings.wait("holdfast doctor") == {"holdfast doctor": "info"}


def test_the_doctor_says_goodbye_where_a_queue_is_missing(make_stack: Callable[..., Stack],
                                                          broker: Vhost) -> None:
    """Its channel is closed by the broker then; the connection is not."""
    stack = make_stack(producers=0, consumers=0)
    closings = Closings(broker)
    assert stack.cli("doctor", "--no-send").returncode != 0
    assert closings.wait("holdfast doctor") == {"holdfast doctor": "info"}


def test_a_producer_that_was_asked_for_its_queues_says_goodbye_twice(
        make_stack: Callable[..., Stack], broker: Vhost) -> None:
    stack = make_stack(consumers=0)
    closings = Closings(broker)
    assert stack.producer.get("/queue/status").status_code == 200
    assert stack.producer.stop() == 0
    found = closings.wait("holdfast-producer:", "holdfast-producer-status:")
    assert set(found.values()) == {"info"}, found


def test_a_consumer_says_goodbye_on_every_link(make_stack: Callable[..., Stack],
                                               broker: Vhost) -> None:
    stack = make_stack()
    assert stack.post({"event_type": "x", "event_id": "g-1"}).status_code == 202
    stack.event("g-1")
    closings = Closings(broker)
    assert stack.consumer.stop() == 0
    found = closings.wait("holdfast-consumer ")
    assert set(found.values()) == {"info"}, found


def test_a_connection_that_is_given_up_says_goodbye(make_stack: Callable[..., Stack],
                                                    broker: Vhost) -> None:
    """The broker cancels the consumer of a queue that is deleted."""
    stack = make_stack(producers=0)
    closings = Closings(broker)
    with broker.connect() as connection:
        connection.channel().queue_delete("log_queue")
    found = closings.wait("holdfast-consumer ")
    assert {level for name, level in found.items() if name.endswith("normal")} == {"info"}, found
    stack.consumer.wait_ready()
