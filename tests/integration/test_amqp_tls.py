# SPDX-License-Identifier: Apache-2.0
"""TLS to the broker: a front with certificates made on the spot passes the bytes on to it."""
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.broker import Vhost
from rig.stack import Stack
from rig.tls import TlsFront, make_certificates
from rig.wait import wait_for


@pytest.fixture
def make_front(broker: Vhost) -> Iterator[Callable[[Path], TlsFront]]:
    fronts: list[TlsFront] = []

    def make(folder: Path) -> TlsFront:
        fronts.append(TlsFront(folder, broker.port))
        return fronts[-1]

    yield make
    for front in fronts:
        front.close()


def tls_env(folder: Path) -> dict[str, str]:
    return {"RABBITMQ_TLS": "on", "RABBITMQ_CA_FILE": str(folder / "ca.pem")}


def test_events_flow_over_tls(make_stack: Callable[..., Stack], tmp_path: Path,
                              make_front: Callable[[Path], TlsFront]) -> None:
    make_certificates(tmp_path, "IP:127.0.0.1")
    port = make_front(tmp_path).port
    stack = make_stack(producer_env=tls_env(tmp_path), consumer_env=tls_env(tmp_path),
                       producer_amqp_port=port, consumer_amqp_port=port)
    large = {"event_type": "tls.large", "payload": {"text": "x" * 200_000}}
    assert stack.post(large).status_code == 202
    for number in range(50):
        assert stack.post({"event_type": "tls.small", "payload": {"n": number}}).status_code == 202
    stack.wait_count(1, "event_type = 'tls.large'")
    stack.wait_count(50, "event_type = 'tls.small'")


def test_a_broker_of_another_name_is_not_trusted(make_stack: Callable[..., Stack], tmp_path: Path,
                                                 make_front: Callable[[Path], TlsFront]) -> None:
    make_certificates(tmp_path, "DNS:elsewhere.example")
    stack = make_stack(consumers=0, producer_env=tls_env(tmp_path), start=False,
                       producer_amqp_port=make_front(tmp_path).port)
    producer = stack.producer
    producer.start()
    wait_for("the reason in the log", lambda: "IP address mismatch" in producer.log_tail())
    assert producer.get("/readyz").status_code == 503
    assert stack.post({"event_type": "tls"}).status_code == 503
