# SPDX-License-Identifier: Apache-2.0
"""The bare confirm: one persistent message at a time to a quorum queue over a plain socket, from
the write of its frames to the broker's basic.ack. What any producer with that promise must pay."""
import socket
import struct
import time

from rig.broker import Vhost


def short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def long(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


class Publisher:
    def __init__(self, broker: Vhost, queue: str):
        self._socket = socket.create_connection((broker.host, broker.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        login = b"\0" + broker.user.encode() + b"\0" + broker.password.encode()
        self._send(b"AMQP\x00\x00\x09\x01")
        self._wait(10, 10)
        self._send(method(0, 10, 11, long(b"") + short("PLAIN") + long(login) + short("en_US")))
        self._wait(10, 30)
        self._send(method(0, 10, 31, struct.pack(">HIH", 1, 131072, 0)))
        self._send(method(0, 10, 40, short(broker.vhost) + short("") + b"\0"))
        self._wait(10, 41)
        self._call(20, 10, short(""), 20, 11)
        kind = short("x-queue-type") + b"S" + long(b"quorum")
        self._call(50, 10, b"\0\0" + short(queue) + b"\x02" + long(kind), 50, 11)
        self._call(85, 10, b"\0", 85, 11)
        self._queue = queue

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _call(self, class_id: int, method_id: int, arguments: bytes, *answer: int) -> None:
        self._send(method(1, class_id, method_id, arguments))
        self._wait(*answer)

    def _wait(self, class_id: int, method_id: int) -> None:
        wanted = b"\x01" + struct.pack(">HH", class_id, method_id)
        while True:
            while len(self._rest) < 8 or \
                    len(self._rest) < 8 + int.from_bytes(self._rest[3:7], "big"):
                data = self._socket.recv(65536)
                if not data:
                    raise OSError("the broker closed the connection")
                self._rest += data
            size = 8 + int.from_bytes(self._rest[3:7], "big")
            got, self._rest = self._rest[:size], self._rest[size:]
            if got[:1] + got[7:11] == wanted:
                return

    def round_trip(self, body: bytes) -> float:
        """Seconds from the write to the confirm."""
        # content-type and delivery-mode: flags 15 and 12.
        header = struct.pack(">HHQH", 60, 0, len(body), 1 << 15 | 1 << 12) + \
            short("application/x-ndjson") + b"\x02"
        data = method(1, 60, 40, b"\0\0" + short("") + short(self._queue) + b"\x00") + \
            frame(2, 1, header) + frame(3, 1, body)
        begin = time.perf_counter()
        self._send(data)
        self._wait(60, 80)
        return time.perf_counter() - begin

    def close(self) -> None:
        self._socket.close()
