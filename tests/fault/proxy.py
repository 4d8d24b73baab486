# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that spoils a link on command.

It runs in a thread with a loop of its own and listens on a port of its own, so that a program
under test is told this port instead of the server's. Every connection reads its protocol (wire.py),
so a rule can name what it waits for:

    with Proxy(port, AMQP) as proxy:
        proxy.swallow(TO_CLIENT, "basic.ack", 3)

drops the next broker-to-client basic.ack and everything behind it, resets both sides so that they
notice, and does so three times in all. delay() holds every byte back, blackhole() keeps
connections open and passes nothing, refuse() resets new ones, cut() resets those that are open,
cut_after(n) resets each connection, open or new, after so many further bytes, cut_after(None) is
the end of it. `happened` counts what the rules did: none of them does anything to an idle link.
"""
import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rig.wait import free_port, wait_for
from wire import AmqpReader, PostgresClientReader, PostgresServerReader, PostgresState

AMQP, POSTGRES, PLAIN = "amqp", "postgres", "plain"
TO_CLIENT, TO_SERVER = "to client", "to server"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, no time: close() sends a reset


class PlainReader:
    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        return [("bytes", data)]


def _readers(protocol: str) -> dict:
    if protocol == AMQP:
        return {TO_CLIENT: AmqpReader(), TO_SERVER: AmqpReader()}
    if protocol == POSTGRES:
        state = PostgresState()
        return {TO_CLIENT: PostgresServerReader(state), TO_SERVER: PostgresClientReader(state)}
    return {TO_CLIENT: PlainReader(), TO_SERVER: PlainReader()}


@dataclass
class Swallow:
    direction: str
    unit: str
    times: int
    after: int = 0  # so many of them pass first, on each occasion
    seen: int = 0

    def takes(self, direction: str, name: str) -> bool:
        if not self.times or direction != self.direction or name != self.unit:
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        self.times, self.seen = self.times - 1, 0
        return True


def reset(side: asyncio.StreamWriter) -> None:
    raw = side.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    side.transport.abort()


@dataclass(eq=False)
class Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    readers: dict
    bytes_left: int | None = None
    is_cut: bool = False

    def cut(self) -> None:
        """A reset to both sides; nothing that is still buffered goes out."""
        if self.is_cut:
            return
        self.is_cut = True
        reset(self.client)
        reset(self.server)


@dataclass
class Rules:
    swallows: list[Swallow] = field(default_factory=list)
    delay_s: float = 0.0
    refuses: bool = False
    blackholed: bool = False
    cut_after: int | None = None


class Proxy:
    def __init__(self, target_port: int, protocol: str = PLAIN, target_host: str = "127.0.0.1"):
        self.port = free_port()
        self.swallowed = 0
        self.happened: Counter = Counter()  # withheld, delayed, refused, cut in the middle
        self.units: Counter = Counter()  # (direction, name) -> how many passed or were swallowed
        self._target = (target_host, target_port)
        self._protocol = protocol
        self._rules = Rules()
        self._connections: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="proxy")
        self._listening = threading.Event()

    def start(self) -> "Proxy":
        self._thread.start()
        assert self._listening.wait(10), "the proxy does not listen"
        return self

    def stop(self) -> None:
        self._call(self._stop_now)
        self._thread.join(10)

    def __enter__(self) -> "Proxy":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What a test says; each takes effect before it returns.

    def swallow(self, direction: str, unit: str, times: int = 1, after: int = 0) -> None:
        self._call(lambda: self._rules.swallows.append(Swallow(direction, unit, times, after)))

    def wait_swallowed(self, times: int, seconds: float = 60.0) -> None:
        wait_for(f"{times} swallowed", lambda: self.swallowed >= times, seconds)

    def delay(self, seconds: float) -> None:
        self._call(lambda: setattr(self._rules, "delay_s", seconds))

    def blackhole(self, on: bool = True) -> None:
        """Off cuts what was kept open: its missing bytes are gone."""
        self._call(lambda: setattr(self._rules, "blackholed", on))
        if not on:
            self.cut()

    def refuse(self, on: bool = True) -> None:
        self._call(lambda: setattr(self._rules, "refuses", on))

    def cut(self) -> int:
        """Resets every open connection; how many there were."""
        return self._call(self._cut_now)

    def cut_after(self, size_bytes: int | None) -> None:
        def arm() -> None:
            self._rules.cut_after = size_bytes
            for connection in self._connections:
                connection.bytes_left = size_bytes
        self._call(arm)

    def connections(self) -> int:
        return self._call(lambda: len(self._connections))

    # Inside the thread.

    def _call(self, function: Callable):
        async def run():
            return function()
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._accepted, "127.0.0.1", self.port))
        self._listening.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._drain())
        self._loop.close()

    def _stop_now(self) -> None:
        self._server.close()
        self._cut_now()
        self._loop.call_soon(self._loop.stop)

    async def _drain(self) -> None:
        tasks = [t for t in asyncio.all_tasks(self._loop) if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut_now(self) -> int:
        open_ones = list(self._connections)
        for connection in open_ones:
            connection.cut()
        return len(open_ones)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._rules.refuses:
                self.happened["refused"] += 1
                raise OSError("refused by rule")
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            reset(writer)
            return
        connection = Connection(writer, server_writer, _readers(self._protocol),
                                self._rules.cut_after)
        self._connections.add(connection)
        try:
            await asyncio.gather(self._pump(connection, TO_SERVER, reader, server_writer),
                                 self._pump(connection, TO_CLIENT, server_reader, writer))
        finally:
            connection.cut()
            self._connections.discard(connection)

    async def _pump(self, connection: Connection, direction: str, source: asyncio.StreamReader,
                    sink: asyncio.StreamWriter) -> None:
        """One reader with a queue behind it, so that a delay costs latency and not throughput."""
        held: asyncio.Queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._send_held(connection, held, sink))
        try:
            while data := await source.read(65536):
                held.put_nowait((self._loop.time() + self._rules.delay_s,
                                 self._passing(connection, direction, data)))
                if connection.is_cut:
                    return
        except OSError:
            pass
        finally:
            if direction == TO_SERVER:
                # The client is gone: like a cut cable, what was under way is lost with it.
                connection.cut()
            held.put_nowait(None)
            await sender
            connection.cut()

    async def _send_held(self, connection: Connection, held: asyncio.Queue,
                         sink: asyncio.StreamWriter) -> None:
        try:
            while (item := await held.get()) is not None:
                due, data = item
                self.happened["withheld"] += self._rules.blackholed
                while self._rules.blackholed and not connection.is_cut:
                    await asyncio.sleep(0.02)
                if due > self._loop.time():
                    self.happened["delayed"] += 1
                    await asyncio.sleep(due - self._loop.time())
                if connection.is_cut:
                    return
                self._write(connection, sink, data)
                await sink.drain()
        except OSError:
            connection.cut()

    def _write(self, connection: Connection, sink: asyncio.StreamWriter, data: bytes) -> None:
        left = connection.bytes_left
        if left is not None and len(data) >= left:
            sink.write(data[:left])
            self.happened["cut in the middle"] += 1
            self._loop.call_soon(connection.cut)
            return
        if left is not None:
            connection.bytes_left = left - len(data)
        sink.write(data)

    def _passing(self, connection: Connection, direction: str, data: bytes) -> bytes:
        """The bytes that go on; at a swallowed unit they end and the connection with them."""
        passing = b""
        for name, unit in connection.readers[direction].feed(data):
            self.units[direction, name] += 1
            if any(rule.takes(direction, name) for rule in self._rules.swallows):
                self.swallowed += 1
                self._loop.call_later(0.01 + self._rules.delay_s, connection.cut)
                self._stop_passing(connection, direction)
                return passing
            passing += unit
        return passing

    @staticmethod
    def _stop_passing(connection: Connection, direction: str) -> None:
        class Nothing:
            def feed(self, _: bytes) -> list:
                return []
        connection.readers[direction] = Nothing()
