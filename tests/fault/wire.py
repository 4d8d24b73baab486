# SPDX-License-Identifier: Apache-2.0
"""Reading the two protocols as they pass: where messages begin and end, and what they are.

A reader is fed the bytes of one direction in any pieces and gives back whole units. Each unit is
(name, bytes); bytes of all units together are exactly the bytes that went in, in order.

AMQP 0-9-1: 8 bytes "AMQP" 0 0 9 1 from the client, then frames: type(1) channel(2) size(4)
payload(size) 0xCE. PostgreSQL 3.0: from the client a start packet length(4) code(4) ..., perhaps
after a request for encryption that is answered by one byte; then both ways type(1) length(4) ....
"""
from dataclasses import dataclass, field

AMQP_METHODS = {(60, 40): "basic.publish", (60, 50): "basic.return", (60, 60): "basic.deliver",
                (60, 80): "basic.ack", (60, 120): "basic.nack", (60, 90): "basic.reject",
                (85, 10): "confirm.select", (50, 10): "queue.declare"}
ENCRYPTION_CODES = (80877103, 80877104)

Unit = tuple[str, bytes]


class AmqpReader:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Unit]:
        self._rest += data
        units: list[Unit] = []
        while True:
            unit = self._next()
            if unit is None:
                return units
            units.append(unit)

    def _next(self) -> Unit | None:
        rest = self._rest
        if len(rest) < 8:
            return None
        if rest.startswith(b"AMQP"):
            size, name = 8, "header"
        else:
            size = 8 + int.from_bytes(rest[3:7], "big")
            if len(rest) < size:
                return None
            name = self._name(rest[0], rest[7:size - 1])
        self._rest = rest[size:]
        return name, rest[:size]

    @staticmethod
    def _name(kind: int, payload: bytes) -> str:
        if kind != 1:
            return {2: "properties", 3: "body", 8: "heartbeat"}.get(kind, "unknown")
        method = (int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big"))
        return AMQP_METHODS.get(method, f"{method[0]}.{method[1]}")


@dataclass
class PostgresState:
    """What both directions of one session share."""
    single_byte_answers: int = 0


@dataclass
class PostgresClientReader:
    state: PostgresState
    _rest: bytes = b""
    _started: bool = False

    def feed(self, data: bytes) -> list[Unit]:
        self._rest += data
        units: list[Unit] = []
        while True:
            unit = self._next_start() if not self._started else _typed(self)
            if unit is None:
                return units
            units.append(unit)

    def _next_start(self) -> Unit | None:
        if len(self._rest) < 8:
            return None
        size = int.from_bytes(self._rest[:4], "big")
        if len(self._rest) < size:
            return None
        packet, self._rest = self._rest[:size], self._rest[size:]
        if int.from_bytes(packet[4:8], "big") in ENCRYPTION_CODES:
            self.state.single_byte_answers += 1
            return "encryption request", packet
        self._started = True
        return "start", packet


@dataclass
class PostgresServerReader:
    state: PostgresState
    _rest: bytes = b""
    units: list[Unit] = field(default_factory=list)

    def feed(self, data: bytes) -> list[Unit]:
        self._rest += data
        units: list[Unit] = []
        while self._rest:
            if self.state.single_byte_answers:
                self.state.single_byte_answers -= 1
                units.append(("encryption answer", self._rest[:1]))
                self._rest = self._rest[1:]
                continue
            unit = _typed(self)
            if unit is None:
                break
            units.append(self._tagged(unit))
        return units

    @staticmethod
    def _tagged(unit: Unit) -> Unit:
        """CommandComplete carries what was completed in its name."""
        if unit[0] != "C":
            return unit
        return "C " + unit[1][5:-1].decode(errors="replace"), unit[1]


def _typed(reader: PostgresClientReader | PostgresServerReader) -> Unit | None:
    rest = reader._rest
    if len(rest) < 5:
        return None
    size = 1 + int.from_bytes(rest[1:5], "big")
    if len(rest) < size:
        return None
    reader._rest = rest[size:]
    return chr(rest[0]), rest[:size]
