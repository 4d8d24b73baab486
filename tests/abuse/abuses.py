# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow or rude, each a process of its own until it is killed:

    abuses.py NAME PORT [COUNT]

CONTROL is none: it takes what such a process takes of the machine, and speaks to nobody.
"""
import gzip
import os
import random
import resource
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator

HEAD = b"POST /log HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\n"


class Crowd:
    """Many connections, each with a program: what it sends, and the rest between two sends. Nothing
    is read unless `reads`. Who is closed is replaced."""

    def __init__(self, port: int, count: int, program: Callable[[], Iterator[bytes | float]],
                 reads: bool = False):
        self.port, self.count, self.program, self.reads = port, count, program, reads
        self.selector = selectors.DefaultSelector()
        self.alive: dict[socket.socket, list] = {}  # program, bytes to send, time of the next

    def open(self) -> None:
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", self.port))
        self.alive[s] = [self.program(), b"", 0.0]
        self.selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def close(self, s: socket.socket) -> None:
        self.selector.unregister(s)
        s.close()
        del self.alive[s]

    def send(self, s: socket.socket, now: float) -> None:
        state = self.alive[s]
        if not state[1]:
            step = next(state[0], None)
            if step is None:
                self.close(s)
            elif isinstance(step, float):
                state[2] = now + step
                self.selector.modify(s, selectors.EVENT_READ)
            else:
                state[1] = step
        else:
            state[1] = state[1][s.send(state[1]):]

    def turn(self) -> None:
        now = time.monotonic()
        for _ in range(min(50, self.count - len(self.alive))):
            self.open()
        for s, state in self.alive.items():
            if 0.0 < state[2] <= now:
                state[2] = 0.0
                self.selector.modify(s, selectors.EVENT_READ | selectors.EVENT_WRITE)
        for key, what in self.selector.select(0.02):
            s = key.fileobj
            try:
                if what & selectors.EVENT_READ and (self.reads or self.is_closed(s)):
                    if not s.recv(1 << 16):
                        raise ConnectionError
                if what & selectors.EVENT_WRITE:
                    self.send(s, now)
            except BlockingIOError:
                pass
            except OSError:
                self.close(s)

    @staticmethod
    def is_closed(s: socket.socket) -> bool:
        return s.recv(1, socket.MSG_PEEK) == b""


def one_byte() -> Iterator[bytes | float]:
    yield b"P"
    yield 3600.0


def pipeline(request: bytes, times: int = 100) -> Callable[[], Iterator[bytes | float]]:
    def program() -> Iterator[bytes | float]:
        while True:
            yield request * times
    return program


def repeated(head: bytes, body: bytes) -> Callable[[], Iterator[bytes | float]]:
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def program() -> Iterator[bytes | float]:
        while True:
            yield request
            yield 0.2
    return program


def slow_body() -> Iterator[bytes | float]:
    yield HEAD + b"Content-Length: 100000\r\n\r\n"
    while True:
        yield b"\n"
        yield 0.05


def slow_head() -> Iterator[bytes | float]:
    for byte in HEAD + b"X: " + b"y" * 8000:
        yield bytes([byte])
        yield 0.1


def chunks(extension: bytes) -> Callable[[], Iterator[bytes | float]]:
    def program() -> Iterator[bytes | float]:
        yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        while True:
            yield (b"1" + extension + b"\r\n\n\r\n") * 500
    return program


def come_and_go() -> Iterator[bytes | float]:
    yield b"G"


def blank_lines() -> bytes:
    """100 KB of gzip that hold 20 MB of blank lines, behind an event that does not shrink."""
    noise = b'{"event_type":"log","message":"%s"}' % os.urandom(48_000).hex().encode()
    return gzip.compress(noise + b"\n" * (20_000_000 - len(noise)), 6)


def events() -> bytes:
    return b"\n".join(b'{"event_type":"log","message":"%s"}' % (b"m" * 1900) for _ in range(10_000))


def pieces(size: int) -> bytes:
    line = b'{"event_type":"log","message":"%s"}\n' % (b"m" * 60)
    body = line * (size // len(line))
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def nested() -> bytes:
    """One record of OpenTelemetry of 4 MB of lists in lists."""
    value = b'{"arrayValue":{"values":['
    leaves = b",".join([b'{"intValue":1}'] * 260_000)
    return (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","value":'
            + value * 15 + leaves + b"]}}" * 15 + b"}]}]}]}]}")


GZIP = HEAD + b"Content-Encoding: gzip\r\n"
OTLP = b"POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
GET = b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n"

CONTROL = "busy elsewhere"
# name: how many connections, and what each does; the last: whether answers are read
ABUSES: dict[str, tuple[int, Callable[[], Callable[[], Iterator[bytes | float]]], bool]] = {
    "one byte": (2500, lambda: one_byte, False),
    "pipeline, one": (1, lambda: pipeline(GET % b"/metrics"), False),
    "pipeline": (990, lambda: pipeline(GET % b"/metrics"), False),
    "pipeline 404": (200, lambda: pipeline(GET % b"/nothing"), False),
    "pipeline HEAD": (200, lambda: pipeline(b"HEAD /metrics HTTP/1.1\r\nHost: h\r\n\r\n"), False),
    "blank lines": (4, lambda: repeated(GZIP, blank_lines()), True),
    "large bodies": (2, lambda: repeated(HEAD + b"X: 1\r\n", b"\n" * 19_000_000), True),
    "pipeline bodies": (1000, lambda: pipeline(pieces(20_000), 1), True),
    "gzip bodies": (1000, lambda: repeated(GZIP, gzip.compress(b"\n" * 15_000_000, 6)), True),
    "one large record": (2, lambda: repeated(OTLP, nested()), True),
    "slow bodies": (500, lambda: slow_body, False),
    "slow heads": (500, lambda: slow_head, False),
    "chunks of a byte": (20, lambda: chunks(b""), False),
    "chunk extensions": (20, lambda: chunks(b";x=" + b"y" * 200), False),
    "come and go": (300, lambda: come_and_go, False),
}


def keep_busy() -> None:
    """A processor and sockets, and nobody is bothered."""
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname()) as client:
        other, _ = server.accept()
        while True:
            client.sendall(b"x" * 60_000)
            left = 60_000
            while left:
                left -= len(other.recv(left))


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    # As if from another machine: what it takes to be rude is not taken from the server's processors.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if name == CONTROL:
        print("on", flush=True)
        keep_busy()
    count, make, reads = ABUSES[name]
    random.seed(7)
    count = int(sys.argv[3]) if len(sys.argv) > 3 else count
    crowd = Crowd(port, count, make(), reads)
    while len(crowd.alive) < min(count, 900):
        crowd.turn()
    print("on", flush=True)
    while True:
        crowd.turn()


if __name__ == "__main__":
    main()
