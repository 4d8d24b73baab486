#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The steps of tests/run, one after another, containers and platform beside them; their counts are
summed up in the last line.

A step is a function that returns its Count. Output of tools goes to build-logs/<step>.log and is
shown when the step fails. Build folders are build-gcc, build-clang, build-asan and build-fuzz.
"""
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
LOGS = SOURCE / "build-logs"
WORKERS = 3
# Too slow under valgrind for what it would find there; they run under the sanitizers.
NOT_UNDER_VALGRIND = {"corpus_gate", "corpus_event", "corpus_amqp"}


@dataclass
class Count:
    passed: int = 0
    failed: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed)


def end(tool: subprocess.Popen) -> None:
    """SIGTERM first: a test run stops its servers then."""
    tool.terminate()
    try:
        tool.wait(30)
    except subprocess.TimeoutExpired:
        tool.kill()
        tool.wait()


def command(step: str, argv: list[str], seconds: int, **env: str) -> tuple[int, str]:
    """Runs to the end or the deadline; the status and all output."""
    LOGS.mkdir(exist_ok=True)
    path = LOGS / f"{step}.log"
    with open(path, "ab") as out:
        tool = subprocess.Popen(argv, cwd=SOURCE, stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT, env={**os.environ, **env})
        try:
            status = tool.wait(seconds)
        except subprocess.TimeoutExpired:
            out.write(f"\nnot finished within {seconds} s\n".encode())
            end(tool)
            status = 124
    return status, path.read_text(errors="replace")


def build(name: str, compiler: str, *options: str) -> Count:
    folder = f"build-{name}"
    argv = ["ninja", "-C", folder]
    status = 0
    if not (SOURCE / folder / "build.ninja").exists():
        status, _ = command(f"build-{name}", ["meson", "setup", folder, *options], 300, CC=compiler)
    if status == 0:
        status, _ = command(f"build-{name}", argv, 600)
    return Count(1, 0) if status == 0 else Count(0, 1)


# A warning fails a test, never an installation.
BUILDS = {"build-gcc": ["gcc", "-Dwerror=true"], "build-clang": ["clang", "-Dwerror=true"],
          "build-asan": ["gcc", "-Dwerror=true", "-Db_sanitize=address,undefined"]}


def build_gcc() -> Count:
    return build("gcc", *BUILDS["build-gcc"])


def build_clang() -> Count:
    return build("clang", *BUILDS["build-clang"])


def build_asan() -> Count:
    return build("asan", *BUILDS["build-asan"])


def up_to_date(folder: str) -> None:
    """For a step that is run alone; a failure shows in the step itself."""
    if build(folder.removeprefix("build-"), *BUILDS[folder]).failed:
        raise RuntimeError(f"{folder} does not build, see build-logs/{folder}.log")


def meson_test(step: str, folder: str, *options: str, seconds: int = 600) -> Count:
    def logs() -> list[Path]:
        """testlog.json, or testlog-WRAPPER.json."""
        return list((SOURCE / folder / "meson-logs").glob("testlog*.json"))

    up_to_date(folder)
    for old in logs():
        old.unlink()
    status, _ = command(step, ["meson", "test", "-C", folder, "--no-rebuild",
                               "--num-processes", "2", *options], seconds)
    results = [json.loads(line)["result"] for log in logs()
               for line in log.read_text().splitlines() if line]
    good = sum(r in ("OK", "EXPECTEDFAIL") for r in results)
    bad = sum(r not in ("OK", "EXPECTEDFAIL", "SKIP") for r in results)
    return Count(good, bad if bad or status == 0 else 1)


def unit() -> Count:
    return meson_test("unit", "build-gcc", "--suite", "unit")


def unit_clang() -> Count:
    return meson_test("unit-clang", "build-clang", "--suite", "unit")


def unit_asan() -> Count:
    return meson_test("unit-asan", "build-asan", "--suite", "unit", "--timeout-multiplier", "3")


def valgrind() -> Count:
    up_to_date("build-gcc")
    listed = subprocess.run(["meson", "introspect", "--tests", "build-gcc"], cwd=SOURCE,
                            capture_output=True, text=True, check=True).stdout
    names = [t["name"] for t in json.loads(listed)
             if any(s.endswith("unit") for s in t["suite"])
             and t["name"] not in NOT_UNDER_VALGRIND]
    wrapper = "valgrind -q --error-exitcode=99 --leak-check=full --track-fds=no"
    return meson_test("valgrind", "build-gcc", "--wrapper", wrapper,
                      "--timeout-multiplier", "10", *names)


def style() -> Count:
    status, text = command("style", ["tests/style/run"], 300)
    return counted(status, text)


def tidy() -> Count:
    up_to_date("build-clang")
    status, text = command("tidy", ["tests/style/tidy", "build-clang"], 400)
    return counted(status, text)


def fuzz() -> Count:
    status, text = command("fuzz", ["tests/fuzz/run", "20"], 400)
    return counted(status, text)


def counted(status: int, text: str) -> Count:
    """Of a script that ends with "N passed, N failed" itself."""
    words = text.split()
    try:
        at = len(words) - 1 - words[::-1].index("failed")
        count = Count(int(words[at - 3]), int(words[at - 1]))
    except (ValueError, IndexError):
        count = Count()
    if status != 0 and count.failed == 0:
        count.failed = 1
    return count


def pytest(step: str, folder: str, *args: str, seconds: int = 900, **env: str) -> Count:
    """WORKERS at a time, each with servers of its own: tests mostly wait."""
    up_to_date(folder)
    report = LOGS / f"{step}.xml"
    report.unlink(missing_ok=True)
    status, _ = command(step, ["/usr/bin/python3", "-m", "pytest", "-c", "tests/pytest.ini",
                               "--numprocesses", str(WORKERS), f"--junit-xml={report}", *args], seconds,
                        HOLDFAST_BUILD=folder, PYTHONDONTWRITEBYTECODE="1", **env)
    return reported(status, report)


def reported(status: int, report: Path) -> Count:
    """What pytest has written; nothing at all is fine where it had not to be started."""
    count = Count()
    if report.exists():
        for suite in xml.parse(report).getroot().iter("testsuite"):
            tests, bad, skipped = (int(suite.get(k, "0")) for k in ("tests", "failures", "skipped"))
            bad += int(suite.get("errors", "0"))
            count += Count(tests - bad - skipped, bad)
    if status != 0 and count.failed == 0:
        count.failed = 1
    return count


def integration() -> Count:
    return pytest("integration", "build-gcc", "tests/integration", "tests/style",
                  "tests/platform", seconds=2400)


def bench() -> Count:
    """The instrument's quickest slice."""
    return pytest("bench", "build-gcc", "tests/bench", seconds=300)


def integration_asan() -> Count:
    return pytest("integration-asan", "build-asan", "tests/integration", "-m", "asan")


def faults() -> Count:
    return pytest("faults", "build-gcc", "tests/fault", "-m", "not mutants", seconds=2400)


def faults_asan() -> Count:
    return pytest("faults-asan", "build-asan", "tests/fault", "-m", "asan", HOLDFAST_FAULTS="1")


def scale() -> Count:
    return pytest("scale", "build-gcc", "tests/scale")


def mutants() -> Count:
    return pytest("mutants", "build-gcc", "tests/fault", "-m", "mutants")


def containers() -> Count:
    """Skips itself, and says why, where containers cannot be run."""
    report = LOGS / "containers.xml"
    report.unlink(missing_ok=True)
    status, _ = command("containers", ["tests/container/run", f"--junit-xml={report}"], 600,
                        PYTHONDONTWRITEBYTECODE="1")
    return reported(status, report)


def platform() -> Count:
    """The next Debian, as a newcomer. Skips itself, and says why, where no root can be made."""
    status, text = command("platform", ["tests/platform/run", "trixie", "--slice",
                                        "--folder", "build-slice"], 1800, PYTHONDONTWRITEBYTECODE="1")
    return counted(status, text)


STEPS: dict[str, Callable[[], Count]] = {
    "build-gcc": build_gcc, "build-clang": build_clang, "build-asan": build_asan,
    "unit": unit, "unit-clang": unit_clang, "unit-asan": unit_asan, "valgrind": valgrind,
    "style": style, "tidy": tidy, "fuzz": fuzz,
    "integration": integration, "integration-asan": integration_asan,
    "faults": faults, "faults-asan": faults_asan, "mutants": mutants,
    "scale": scale, "bench": bench, "containers": containers, "platform": platform,
}
BESIDE = ("containers", "platform")


def run_step(name: str) -> Count:
    (LOGS / f"{name}.log").unlink(missing_ok=True)
    begin = time.monotonic()
    broke = ""
    try:
        count = STEPS[name]()
    except Exception as error:  # a broken step is a failed test, not the end of the others
        broke = f" broke: {error!r}"
        count = Count(0, 1)
    log = LOGS / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    notes = [x.strip() for x in lines if x.startswith("SKIPPED") or "the broker was ill" in x]
    if count == Count() and not notes:
        count, broke = Count(0, 1), " ran nothing"
    shown = lines[-200:] if count.failed else notes
    print("\n".join([f"{name:18} {count.passed:5} passed {count.failed:3} failed "
                     f"{time.monotonic() - begin:6.1f} s{broke}"] + ["    " + x for x in shown]),
          flush=True)
    return count


def run_steps(names: list[str]) -> Count:
    """In their order; those that mostly wait for the disk and the network run beside them, one at a
    time."""
    with ThreadPoolExecutor(1) as beside:
        waits = [beside.submit(run_step, name) for name in names if name in BESIDE]
        counts = [run_step(name) for name in names if name not in BESIDE]
        return sum([*counts, *(w.result() for w in waits)], Count())


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        print("\n".join(STEPS))
        return 0
    unknown = [a for a in arguments if a not in STEPS]
    if unknown:
        print(f"no such step: {', '.join(unknown)}; tests/run --list names them", file=sys.stderr)
        return 2
    begin = time.monotonic()
    total = run_steps(arguments or list(STEPS))
    print(f"{time.monotonic() - begin:.0f} s; logs in {LOGS.name}/")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
