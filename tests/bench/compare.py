# SPDX-License-Identifier: Apache-2.0
"""The comparison. A load counts only as stored: the rate is the rows that were committed, divided by
the time from the first request until the queue is empty and all rows are there; accepted but not
stored (lost) and stored more than accepted (duplicated) stand beside it. wrk cannot say how many
answers were under way when it stopped, so up to one a connection may be stored beyond those it
counted. Rounds are interleaved, medians and spreads are over rounds.
"""
import argparse
import json
import os
import platform
import random
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# The paths above must be there first.
from confirm import Publisher  # noqa: E402
from rig.database import Database, remove_folder  # noqa: E402
from rig.servers import TEMPLATE, Servers  # noqa: E402
from rig.wait import wait_for  # noqa: E402
from systems import Holdfast, System, all_systems  # noqa: E402

CONNECTIONS = 64
LATENCY = re.compile(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
REQUESTS = re.compile(r"^\s*(\d+) requests in ([\d.]+)s", re.MULTILINE)
BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def wrk(port: int, script: str, connections: int, seconds: int) -> dict:
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                          "--timeout", "20s", "-s", str(HERE / script),
                          f"http://127.0.0.1:{port}/log"],
                         capture_output=True, text=True, check=True).stdout
    requests = REQUESTS.search(out)
    assert requests, out
    bad, errors = BAD.search(out), ERRORS.search(out)
    return {"requests": int(requests.group(1)), "bad": int(bad.group(1)) if bad else 0,
            "socket_errors": sum(map(int, errors.groups())) if errors else 0,
            "latency_s": {f"p{p}": float(v) * UNIT[u] for p, v, u in LATENCY.findall(out)}}


def sample_peak_rss(system: System, into: dict[str, int]) -> None:
    for process in system.processes():
        sizes = process.rss("VmHWM")
        for number, size in enumerate(sizes.values()):
            key = process.name if number == 0 else f"{process.name} child {number}"
            into[key] = max(into.get(key, 0), size)


def load_once(system: System, script: str, events_a_request: int, seconds: int) -> dict:
    before, stored_before = system.rows(), system.stored()
    begin = time.monotonic()
    load = wrk(system.port, script, CONNECTIONS, seconds)
    accepted = (load["requests"] - load["bad"]) * events_a_request
    rss: dict[str, int] = {}
    sample_peak_rss(system, rss)
    wait_for(f"{system.name}: all stored", lambda: system.stored() - stored_before >= accepted
             and system.empty(), 600, 0.02)
    took = time.monotonic() - begin
    wait_for("rows standing still", lambda: _stands_still(system), 30)
    stored = system.rows() - before
    under_way = CONNECTIONS * events_a_request
    return {"system": system.name, "stored_per_s": stored / took, "stored": stored,
            "seconds": took, "answered": accepted, "bad": load["bad"],
            "socket_errors": load["socket_errors"], "lost": max(0, accepted - stored),
            "duplicated": max(0, stored - accepted - under_way), "latency_s": load["latency_s"],
            "rss_bytes": rss}


def _stands_still(system: System) -> bool:
    rows = system.rows()
    time.sleep(0.3)
    return system.rows() == rows


def copy_once(servers: Servers, source: Database, rows: int) -> float:
    """Rows/s of one COPY of rows that were stored, in one transaction, into the same table of a
    fresh database."""
    name = f"copy_{secrets.token_hex(3)}"
    target = servers.cluster.create_database(name, TEMPLATE)
    with source.connect() as session, session.cursor().copy(
            f"COPY (SELECT * FROM log_events LIMIT {rows}) TO STDOUT (FORMAT binary)") as out:
        data = b"".join(bytes(block) for block in out)
    with target.connect() as session:
        session.execute("CHECKPOINT")
        begin = time.monotonic()
        with session.cursor().copy("COPY log_events FROM STDIN (FORMAT binary)") as into:
            for at in range(0, len(data), 1 << 18):
                into.write(data[at:at + (1 << 18)])
        took = time.monotonic() - begin
        stored = session.execute("SELECT count(*) AS n FROM log_events").fetchone()["n"]
    target.drop()
    return stored / took


def confirms_once(publisher: Publisher, count: int) -> dict:
    body = b'{"event_type":"review_started","payload":{"pad":"' + b"p" * 300 + b'"}}\n'
    times = sorted(publisher.round_trip(body) for _ in range(count))
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def median_spread(values: list[float]) -> dict:
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": values}


def singles(systems: list[System], options: argparse.Namespace) -> list[dict]:
    results = []
    for number in range(options.rounds):
        for system in random.sample(systems, len(systems)):
            result = load_once(system, "single.lua", 1, options.seconds)
            results.append(result)
            print(f"  round {number + 1} {system.name:9} {result['stored_per_s']:9.0f} stored/s  "
                  f"lost {result['lost']} duplicated {result['duplicated']} "
                  f"bad {result['bad']}", flush=True)
    return results


def batches(servers: Servers, holdfast: Holdfast, options: argparse.Namespace) -> dict:
    ours, bare, loads = [], [], []
    for number in range(options.rounds):
        result = load_once(holdfast, "batch.lua", 100, options.seconds)
        loads.append(result)
        ours.append(result["stored_per_s"])
        bare.append(copy_once(servers, holdfast.database, 200_000))
        print(f"  round {number + 1} batches {ours[-1]:9.0f} stored/s, COPY {bare[-1]:9.0f} rows/s "
              f"({ours[-1] / bare[-1]:.2f}), lost {result['lost']}", flush=True)
    return {"holdfast": median_spread(ours), "copy": median_spread(bare), "loads": loads,
            "ratio": median_spread([a / b for a, b in zip(ours, bare)])}


def latencies(holdfast: Holdfast, options: argparse.Namespace) -> dict:
    publisher = Publisher(holdfast.broker, "bare_confirm")
    posts, confirms = [], []
    for number in range(options.rounds):
        confirms.append(confirms_once(publisher, 500))
        posts.append(wrk(holdfast.port, "single.lua", 1, 3)["latency_s"])
        confirms[-1] = min(confirms[-1], confirms_once(publisher, 500), key=lambda c: c["p50"])
        print(f"  round {number + 1} POST p50 {posts[-1]['p50'] * 1e6:.0f} us, bare confirm p50 "
              f"{confirms[-1]['p50'] * 1e6:.0f} us", flush=True)
    publisher.close()
    return {"post_p50_s": median_spread([p["p50"] for p in posts]),
            "post_p99_s": median_spread([p["p99"] for p in posts]),
            "confirm_p50_s": median_spread([c["p50"] for c in confirms]),
            "confirm_p99_s": median_spread([c["p99"] for c in confirms]),
            "ratio_p50": median_spread([p["p50"] / c["p50"] for p, c in zip(posts, confirms)])}


def summary(report: dict) -> list[str]:
    lines = []
    if "single" in report:
        for name, rate in report["single"]["rates"].items():
            lines.append(f"single POSTs, 64 connections  {name:9} {rate['median']:9.0f} stored/s "
                         f"({rate['min']:.0f}-{rate['max']:.0f})")
        for name, ratio in report["single"]["ratios"].items():
            lines.append(f"  holdfast / {name}: {ratio:.1f}")
        for name, size in sorted(report["single"]["rss_bytes"].items()):
            lines.append(f"  most resident {name:20} {size / 2 ** 20:6.1f} MiB")
        lines.append(f"  lost {report['single']['lost']}, duplicated "
                     f"{report['single']['duplicated']}")
    if "batch" in report:
        b = report["batch"]
        lines.append(f"batches of 100  {b['holdfast']['median']:9.0f} stored/s, COPY "
                     f"{b['copy']['median']:.0f} rows/s, ratio {b['ratio']['median']:.2f} "
                     f"({b['ratio']['min']:.2f}-{b['ratio']['max']:.2f})")
    if "latency" in report:
        n = report["latency"]
        lines.append(f"POST to 202  p50 {n['post_p50_s']['median'] * 1e6:.0f} us, bare confirm "
                     f"{n['confirm_p50_s']['median'] * 1e6:.0f} us, ratio "
                     f"{n['ratio_p50']['median']:.2f} ({n['ratio_p50']['min']:.2f}-"
                     f"{n['ratio_p50']['max']:.2f})")
    return lines


def single_report(results: list[dict]) -> dict:
    names = sorted({r["system"] for r in results})
    rates = {n: median_spread([r["stored_per_s"] for r in results if r["system"] == n])
             for n in names}
    rss: dict[str, int] = {}
    for result in results:
        for key, size in result["rss_bytes"].items():
            rss[key] = max(rss.get(key, 0), size)
    ours = rates["holdfast"]["median"]
    return {"rates": rates, "rss_bytes": rss, "results": results,
            "ratios": {n: ours / rates[n]["median"] for n in names if n != "holdfast"},
            "lost": sum(r["lost"] for r in results),
            "duplicated": sum(r["duplicated"] for r in results)}


def measure(options: argparse.Namespace) -> dict:
    only = set(options.only.split(","))
    report: dict = {"machine": {"processors": os.cpu_count(), "kernel": platform.release(),
                                "load_average_before": os.getloadavg()[0]}}
    if os.getloadavg()[0] > 1:
        print(f"load average is {os.getloadavg()[0]:.1f}: others are at work here, the figures "
              "will be lower and wider apart than those of a quiet machine")
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    with Servers({"max_wal_size": "8GB", "shared_buffers": "512MB"}) as servers:
        systems = all_systems(servers, folder) if "single" in only else [Holdfast(servers, folder)]
        holdfast = next(s for s in systems if isinstance(s, Holdfast))
        try:
            if "single" in only:
                report["single"] = single_report(singles(systems, options))
            if "batch" in only:
                report["batch"] = batches(servers, holdfast, options)
            if "latency" in only:
                report["latency"] = latencies(holdfast, options)
        finally:
            for system in systems:
                system.stop()
    remove_folder(folder)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description="Holdfast beside its peers, in one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument("--json", type=Path, help="where the whole report goes")
    parser.add_argument("--only", default="single,batch,latency")
    options = parser.parse_args()
    report = measure(options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(summary(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
