# SPDX-License-Identifier: Apache-2.0
"""docs/platforms.md from what the last run on each platform left: the versions that the programs
tell themselves, the stages, and what single tests of the repository's said.
"""
import json
import xml.etree.ElementTree as xml
from collections.abc import Iterable
from pathlib import Path

from machine import Machine

NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
ASKED = {
    "RabbitMQ": "/usr/lib/rabbitmq/bin/rabbitmqctl version",
    "Erlang": "erl -noshell -eval 'io:put_chars(erlang:system_info(otp_release)), halt().'",
    "PostgreSQL": "/usr/lib/postgresql/*/bin/postgres --version",
    "librabbitmq": "pkg-config --modversion librabbitmq",
    "libevent": "pkg-config --modversion libevent",
    "libpq": "pkg-config --modversion libpq",
    "libcurl": "pkg-config --modversion libcurl",
    "json-c": "pkg-config --modversion json-c",
    "OpenSSL": "pkg-config --modversion libcrypto",
    "gcc": "gcc -dumpfullversion",
    "clang": "clang -dumpversion",
    "meson": "meson --version",
    "cmocka": "pkg-config --modversion cmocka",
    "Python": "python3 --version",
}
# What once failed on one of them, and the tests that hold it; the step tells the log's name.
HELD = (
    ("json-c that refuses large integers, and what is past ASCII", "unit", "corpus_gate"),
    ("messages as large as RabbitMQ 4 takes", "integration",
     "test_the_memory_a_huge_message_took_is_given_back"),
    ("`holdfast migrate` by an admin who is no superuser", "integration",
     "test_an_owner_who_may_create_roles_can_do_it_without_being_superuser"),
    ("the state of another release's servers", "integration", "test_deploy_data."),
    ("waits of `deploy/up` and `deploy/down` that end", "integration", "test_deploy_processes."),
    ("connections that are cut by the broker", "integration",
     "test_connections_that_are_cut_are_those_of_one_virtual_host"),
    ("events of a priority in the order of their commit", "integration", "test_feed"),
    ("a consumer timeout", "integration", "test_timeout"),
    ("npm's senders", "integration", "test_clients"),
    ("kill -9 of everything under load", "faults",
     "test_no_loss_when_everything_is_killed_at_once"),
    ("broker and database killed, frozen, cut off", "faults", "test_faults"),
)
PREFACE = """# Platforms

Made by `tests/platform/run --write`; do not edit. Each platform is a root of its own, made by
debootstrap with Debian's minimal set of packages, in which the commands below were run in a clean
clone, one after another; beside what passed are the seconds and the revision. Names resolve as an
installer leaves them, with `::1 localhost` too.
"""


def ask_versions(machine: Machine, log: Path) -> dict[str, str]:
    versions = {}
    for name, command in ASKED.items():
        log.unlink(missing_ok=True)
        status = machine.shell(command, log, 60)
        said = log.read_text(errors="replace").splitlines()[1:]  # behind the command itself
        words = said[-1].split() if said else []
        number = [word for word in words if word[0].isdigit()]
        versions[name] = number[0] if status == 0 and number else "–"
    return versions


def tests_of(clone: Path) -> dict[str, dict[str, str]]:
    """Step -> name of a test -> what became of it."""
    found: dict[str, dict[str, str]] = {}
    for report in sorted((clone / "build-logs").glob("*.xml")):
        tests = found.setdefault(report.stem, {})
        for case in xml.parse(report).getroot().iter("testcase"):
            bad = {child.tag for child in case}
            tests[f"{case.get('classname')}.{case.get('name')}"] = \
                "failed" if bad & {"failure", "error"} else "skipped" if bad else "passed"
    for log in sorted((clone / "build-gcc/meson-logs").glob("testlog.json")):
        for line in filter(None, log.read_text().splitlines()):
            test = json.loads(line)
            found.setdefault("unit", {})[test["name"]] = \
                "passed" if test["result"] in ("OK", "EXPECTEDFAIL") else "failed"
    return found


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |"
                     for cells in [head, ["---"] * len(head), *rows]) + "\n"


def stage_cell(kept: dict, command: str) -> str:
    for outcome in kept["outcomes"]:
        if outcome["command"] == command:
            counts = f"{outcome['passed']} passed"
            if outcome["failed"]:
                counts = f"**{outcome['failed']} failed**, {counts}"
            return f"{counts}, {outcome['seconds']:.0f} s, {outcome['revision']}"
    return "–"


def held_cell(kept: dict, step: str, part: str) -> str:
    ends = [end for name, end in kept["tests"].get(step, {}).items() if part in name]
    good, bad = ends.count("passed"), ends.count("failed")
    return f"**{bad} failed**" if bad else f"{good} passed" if good else "–"


def page_of(results: dict[str, dict]) -> str:
    head = [NAMES.get(release, release) for release in results]
    kept = list(results.values())
    commands = list(dict.fromkeys(o["command"] for k in kept for o in k["outcomes"]))
    said = {stage: [f"- {name}: `{o['said']}`" for name, k in zip(head, kept)
                    for o in k["outcomes"] if o["name"] == stage] for stage in ("job", "campaign")}
    return "\n".join([
        "<!-- SPDX-License-Identifier: Apache-2.0 -->", PREFACE, "## Versions\n",
        table(["", *head], ([name, *(k["versions"].get(name, "–") for k in kept)]
                            for name in ASKED)),
        "## What was run\n",
        table(["command", *head], ([f"`{c}`", *(stage_cell(k, c) for k in kept)]
                                   for c in commands)),
        "The main job kills producer, consumer, broker and database in turn, each with all its\n"
        "processes, while events are sent; `deploy/up` brings each back:\n", *said["job"], "",
        "What `tests/fault/campaign` found, with clocks apart and state taken away under load:\n",
        *said["campaign"], "",
        "## What differs between them\n",
        table(["what", "step, tests", *head],
              ([what, f"{step}, `{part}`", *(held_cell(k, step, part) for k in kept)]
               for what, step, part in HELD))])


def write(folder: Path, page: Path) -> None:
    order = list(NAMES)
    found = sorted(folder.glob("*/results.json"), key=lambda p: (
        order.index(p.parent.name) if p.parent.name in order else len(order), p.parent.name))
    page.write_text(page_of({p.parent.name: json.loads(p.read_text()) for p in found}))
