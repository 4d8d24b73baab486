# SPDX-License-Identifier: Apache-2.0
"""A good client beside abuse: one event after another over connections that stay, answered 202."""
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

EVENT = b'{"event_type":"log","message":"a good client"}'
HEADERS = {"Content-Type": "application/json"}
ABUSES = Path(__file__).with_name("abuses.py")


@dataclass
class Served:
    milliseconds: list[float]
    faults: list[str]

    @property
    def p50(self) -> float:
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        return quantiles(self.milliseconds, n=100)[98] if len(self.milliseconds) > 1 else 0.0


def ask(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/log", EVENT, HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def ask_again(connection: http.client.HTTPConnection) -> int:
    """As every client does whose connection was closed while it was idle (RFC 9110, 9.2.2)."""
    reused = connection.sock is not None
    try:
        return ask(connection)
    except (ConnectionError, http.client.RemoteDisconnected):
        connection.close()
        if not reused:
            raise
        return ask(connection)


def post(port: int, seconds: float, clients: int = 4) -> Served:
    """In turn over a few connections; one that was closed while it was idle is opened anew."""
    served = Served([], [])
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(clients)]
    end, i = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        connection = connections[(i := i + 1) % clients]
        began = time.monotonic()
        try:
            status = ask_again(connection)
            if status != 202:
                served.faults.append(str(status))
            served.milliseconds.append((time.monotonic() - began) * 1000)
        except (OSError, http.client.HTTPException) as error:
            served.faults.append(repr(error))
            connection.close()
    for connection in connections:
        connection.close()
    return served


@contextmanager
def abuse(name: str, port: int, *more: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, str(ABUSES), name, str(port), *more],
                          stdout=subprocess.PIPE, text=True) as rude:
        try:
            assert rude.stdout and rude.stdout.readline() == "on\n", f"{name} did not begin"
            yield
        finally:
            rude.kill()
