# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a deadline, and picking free ports. Nothing else here sleeps."""
import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

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


def free_port() -> int:
    """A port that binds now and that the kernel gives to no outgoing connection.

    A port from the ephemeral range could be taken between a server's kill and its restart, even
    by a client connecting to itself.
    """
    low, _ = _ephemeral_range()
    while True:
        port = random.SystemRandom().randrange(10240, low)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
