# SPDX-License-Identifier: Apache-2.0
"""wrk: the closed loop, each connection sends its next request when it has the answer. The same
client for every system and for the bare server; its own processor time is among the figures."""
import re
import resource
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from events import Load
from rig.process import clean_environment

HERE = Path(__file__).resolve().parent
LATENCY = re.compile(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
REQUESTS = re.compile(r"^\s*(\d+) requests in ([\d.]+)(ms|s|m)", re.MULTILINE)
BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6}
SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass
class Answered:
    requests: int
    bad: int
    seconds: float
    load: Load
    figures: dict[str, float]  # latencies, and what the client itself cost

    @property
    def accepted(self) -> int:
        return (self.requests - self.bad) * self.load.events_each

    @property
    def under_way(self) -> int:
        """Events that may have been accepted after the client stopped counting."""
        return self.load.connections * self.load.events_each


def wrk(port: int, load: Load, seconds: float,
        meanwhile: Callable[[], None] = lambda: None) -> Answered:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile(prefix="holdfast-bench-") as bodies:
        bodies.write(b"\0".join(load.bodies))
        bodies.flush()
        env = clean_environment(BENCH_BODIES=bodies.name, BENCH_CONTENT_TYPE=load.content_type)
        with subprocess.Popen(
                ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--latency",
                 "--timeout", "20s", "-s", str(HERE / "post.lua"), f"http://127.0.0.1:{port}/log"],
                env=env, stdout=subprocess.PIPE, text=True) as client:
            try:
                meanwhile()
                out = client.communicate(timeout=seconds + 60)[0]
            finally:
                client.kill()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    return _answered(out, load, cpu_s)


def _answered(out: str, load: Load, cpu_s: float) -> Answered:
    found, bad, errors = REQUESTS.search(out), BAD.search(out), ERRORS.search(out)
    assert found, out
    requests = int(found.group(1))
    figures = {f"p{p}_us": float(v) * MICROSECONDS[u] for p, v, u in LATENCY.findall(out)}
    figures["cpu_us.client"] = cpu_s * 1e6 / max(1, requests * load.events_each)
    figures["socket_errors"] = sum(map(int, errors.groups())) if errors else 0
    return Answered(requests, int(bad.group(1)) if bad else 0,
                    float(found.group(2)) * SECONDS[found.group(3)], load, figures)
