# SPDX-License-Identifier: Apache-2.0
"""Runs the measurements: round by round, in a new order each round, so that what happens to the
machine meanwhile falls on all of them alike. A measurement that fails is told and left out; the
others go on."""
import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# The paths above must be there first.
from machine import describe  # noqa: E402
from measurements import FULL, LONG, MEASUREMENTS, QUICK, Bench, Measurement, Scale  # noqa: E402
from report import render, write_section  # noqa: E402
from rig.database import remove_folder  # noqa: E402
from rig.servers import Servers  # noqa: E402

DOCS = HERE.parents[1] / "docs"
# A machine for this: a quarter of 2 GiB for the server's buffers, no checkpoint for want of WAL.
POSTGRES = {"max_wal_size": "8GB", "shared_buffers": "512MB"}
SHOWN = ("stored_per_s", "answered_per_s", "confirmed_per_s", "inserted_per_s", "copy_1_per_s",
         "copy_2_per_s", "answer_p50_us", "answer_p99_us", "visible_p50_us", "visible_p99_us",
         "cpu_us.holdfast", "lost", "duplicated", "bad")


def parse(arguments: list[str]) -> argparse.Namespace:
    names = ",".join(m.name for m in MEASUREMENTS)
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description="Holdfast beside its peers and the bare limits, in one run",
        epilog=f"Measurements: {names}")
    parser.add_argument("--rounds", type=int, default=None, help="5; 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="everything tiny: does it all work?")
    parser.add_argument("--long", action="store_true", help="ten minutes of batches for the memory")
    parser.add_argument("--seconds", type=float, help="of each closed loop")
    parser.add_argument("--only", help="names with commas between; single* means all that begin so")
    parser.add_argument("--json", type=Path, help="where all figures of all rounds go")
    parser.add_argument("--write", action="store_true", help="the figures into docs/benchmarks.*")
    parser.add_argument("--render", action="store_true",
                        help="measure nothing: docs/benchmarks.md anew from docs/benchmarks.json")
    return parser.parse_args(arguments)


def chosen(only: str | None) -> list[Measurement]:
    if only is None:
        return list(MEASUREMENTS)
    wanted = only.split(",")
    found = [m for m in MEASUREMENTS
             if any(m.name == w or w.endswith("*") and m.name.startswith(w[:-1]) for w in wanted)]
    if not found:
        sys.exit(f"no measurement is called {only}; --help names them")
    return found


def scale_of(options: argparse.Namespace) -> Scale:
    scale = QUICK if options.quick else LONG if options.long else FULL
    if options.seconds is None:
        return scale
    return Scale(**{**vars(scale), "single_seconds": options.seconds,
                    "batch_seconds": options.seconds})


def measure(bench: Bench, measurement: Measurement, number: int) -> dict:
    begin = time.monotonic()
    record = {"measurement": measurement.name, "round": number}
    try:
        record["figures"] = rounded(measurement.measure(bench))
    except Exception as error:  # one measurement is not worth the others
        record["error"] = repr(error)[:500]
        traceback.print_exc()
    told = record.get("figures", {})
    text = "  ".join(f"{name} {told[name]:,.6g}" for name in SHOWN if name in told)
    print(f"{number} {measurement.name:20} {time.monotonic() - begin:5.1f} s  "
          f"{text or record.get('error')}", flush=True)
    return record


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Producer and consumer together are what Holdfast costs. Four digits are more than is known."""
    if "cpu_us.producer" in figures:
        figures["cpu_us.holdfast"] = figures["cpu_us.producer"] + figures["cpu_us.consumer"]
    whole = ("lost", "duplicated", "bad", "stored", "accepted")
    return {k: int(v) if k in whole else float(f"{v:.5g}") for k, v in sorted(figures.items())}


def measure_all(options: argparse.Namespace) -> dict:
    measurements, rounds = chosen(options.only), options.rounds or (1 if options.quick else 5)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    begin = time.monotonic()
    try:
        with Servers(POSTGRES) as servers:
            bench = Bench(servers, folder, scale_of(options))
            report = {"machine": describe(servers, folder), "scale": vars(bench.scale),
                      "rounds": rounds, "records": []}
            for number in range(1, rounds + 1):
                now = [m for m in measurements if number <= m.rounds]
                for measurement in random.sample(now, len(now)):
                    report["records"].append(measure(bench, measurement, number))
                    report["minutes"] = round((time.monotonic() - begin) / 60, 1)
                    save(options.json, report)
    finally:
        remove_folder(folder)
    return report


def save(path: Path | None, report: dict) -> None:
    """After each measurement: a run that is ended keeps what it has."""
    if path is None:
        return
    records = ",\n".join(json.dumps(r) for r in report["records"])
    rest = json.dumps({k: v for k, v in report.items() if k != "records"}, indent=1)
    path.write_text(rest[:-2] + ',\n "records": [\n' + records + "\n ]\n}\n")


def main() -> int:
    options = parse(sys.argv[1:])
    if options.render:
        report = json.loads((DOCS / "benchmarks.json").read_text())
    else:
        report = measure_all(options)
        print("\n" + render(report))
    if options.write:
        save(DOCS / "benchmarks.json", report)
    if options.write or options.render:
        write_section(DOCS / "benchmarks.md", report)
    return 1 if any("error" in r for r in report["records"]) else 0


if __name__ == "__main__":
    sys.exit(main())
