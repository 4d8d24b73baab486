# SPDX-License-Identifier: Apache-2.0
"""Where and with what it was measured."""
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from rig.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("librabbitmq4", "libpq5", "libevent-2.1-7", "wrk", "python3-fastapi", "python3-uvicorn",
            "python3-pika", "python3-aio-pika", "python3-asyncpg", "python3-psycopg2")


def describe(servers: Servers, folder: Path) -> dict:
    return {"processors": os.cpu_count(), "processor": _processor(), "memory_gib": _memory_gib(),
            "kernel": platform.release(), "load_average_before": round(os.getloadavg()[0], 2),
            "fdatasync_us": _fdatasync_us(folder), "versions": _versions(servers),
            "postgresql_settings": _postgresql_settings(servers)}


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30, 1)


def _fdatasync_us(folder: Path) -> float:
    """The median of 8 KiB appended and flushed, which every confirm and every commit waits for."""
    path = folder / "fdatasync"
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(200):
            file.write(bytes(8192))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    path.unlink()
    return round(statistics.median(times) * 1e6)


def _versions(servers: Servers) -> dict[str, str]:
    _, overview = servers.broker.api("GET", "/api/overview?disable_stats=true")
    with servers.cluster.connect("postgres") as session:
        postgres = session.execute("SHOW server_version").fetchone()["server_version"]
    versions = {"holdfast": _output("git", "describe", "--always", "--dirty"),
                "postgresql": postgres, "rabbitmq": overview["rabbitmq_version"],
                "erlang": overview["erlang_version"], "compiler": _output("cc", "--version")}
    for package in PACKAGES:
        version = _output("dpkg-query", "-W", "-f", "${Version}", package)
        if version:
            versions[package] = version
    return versions


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else ""


def _postgresql_settings(servers: Servers) -> dict[str, str]:
    """What speaks of speed and safety, as the server has it."""
    names = ("shared_buffers", "max_wal_size", "checkpoint_timeout", "fsync", "synchronous_commit",
             "full_page_writes", "wal_compression", "data_checksums", "autovacuum")
    with servers.cluster.connect("postgres") as session:
        return {name: session.execute(f"SHOW {name}").fetchone()[name] for name in names}
