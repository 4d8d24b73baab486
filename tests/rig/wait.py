# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a deadline, and picking free ports. Nothing else here sleeps."""
import fcntl
import random
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, TypeVar

T = TypeVar("T")


class Overdue(AssertionError):
    """A condition was not met before its deadline."""


def wait_for(what: str, check: Callable[[], T], seconds: float = 30.0, every: float = 0.05) -> T:
    """Calls check until it returns something true; exceptions of the network count as not yet."""
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            value = check()
            if value:
                return value
            last = value
        except (OSError, EOFError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Overdue(f"not within {seconds:g} s: {what} (last: {last!r})")
        time.sleep(every)


def _ephemeral_range() -> tuple[int, int]:
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
            low, high = f.read().split()
            return int(low), int(high)
    except OSError:
        return 32768, 60999


_reserved: deque[TextIO] = deque(maxlen=200)  # a lock ends with its file; a test has a few ports


def _is_reserved(port: int) -> bool:
    """Other test processes pick ports too, before what they start has bound them."""
    folder = Path(tempfile.gettempdir()) / "holdfast-ports"
    folder.mkdir(exist_ok=True)
    file = open(folder / str(port), "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return True
    _reserved.append(file)
    return False


def free_port() -> int:
    """A port that binds now, that the kernel gives to no outgoing connection, and that no other
    test is given for as long as a test may last.

    A port from the ephemeral range could be taken between a server's kill and its restart, even
    by a client connecting to itself.
    """
    low, _ = _ephemeral_range()
    while True:
        port = random.SystemRandom().randrange(10240, low)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if not _is_reserved(port):
            return port
