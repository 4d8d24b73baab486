# SPDX-License-Identifier: Apache-2.0
"""docs/platforms.md from what the last run on each platform left."""
from pathlib import Path

from machine import Machine

VERSIONS = {
    "RabbitMQ": "/usr/lib/rabbitmq/bin/rabbitmqctl version",
    "Erlang": "erl -noshell -eval 'io:put_chars(erlang:system_info(otp_release)), halt().'",
}


def ask_versions(machine: Machine, log: Path) -> dict[str, str]:
    return {}


def write(folder: Path, page: Path) -> None:
    pass
