# SPDX-License-Identifier: Apache-2.0
"""A daemon on its own, whose broker and database are not there: for what needs neither."""
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.stack import Daemon
from rig.wait import free_port

LISTEN = {"holdfast-producer": ("PRODUCER_HOST", "PRODUCER_PORT"),
          "holdfast-consumer": ("METRICS_HOST", "METRICS_PORT")}


def lone(binary: str, folder: Path, **env: str) -> Daemon:
    port, nowhere = free_port(), str(free_port())
    host_name, port_name = LISTEN[binary]
    settings = {host_name: "127.0.0.1", port_name: str(port), "RABBITMQ_HOST": "127.0.0.1",
                "RABBITMQ_PORT": nowhere, "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": nowhere,
                "DATABASE_PASSWORD": "x", "SHUTDOWN_TIMEOUT": "1", **env}
    return Daemon(binary, binary, settings, port, folder / f"{binary}-{port}.log")


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """To its end, even if a test has stopped one of its processes."""
    daemon.start()
    try:
        yield daemon
    finally:
        for pid in daemon.family():
            os.kill(pid, signal.SIGCONT)
        daemon.stop()
