# SPDX-License-Identifier: Apache-2.0
"""Programs of two versions beside one another: the newer one is this tree with one more column. None
of them loses an event, puts one into quarantine, or forgets what the other knows."""
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.process import run
from rig.stack import SOURCE, Daemon, Stack, base_env

SECTION = "\n[region]\nabout = the region it comes from\nkind = text 255\n"
MIGRATION = """-- SPDX-License-Identifier: Apache-2.0
SET LOCAL ROLE holdfast_owner;
ALTER TABLE log_events ADD COLUMN region text;
GRANT INSERT (region) ON log_events TO holdfast_writer;
"""
PARTS = ("meson.build", "meson_options.txt", "common", "producer", "consumer", "cli", "schema")
KNOWN = "coalesce(region, metadata->'newer_fields'->>'region')"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of a version that has the column `region`."""
    tree = tmp_path_factory.mktemp("newer")
    for part in PARTS:
        copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
        copy(SOURCE / part, tree / part)
    columns = tree / "schema/event.columns"
    before, queue, after = columns.read_text().partition("\n[queue]")
    columns.write_text(before + SECTION + queue + after)
    migrations = tree / "schema/migrations"
    (migrations / f"{len(list(migrations.iterdir())) + 1:04}_region.sql").write_text(MIGRATION)
    env = {**os.environ, "PATH": f"/usr/bin:{os.environ['PATH']}"}
    for command in (["meson", "setup", "-Dtests=false", "-Drevision=newer", "build"],
                    ["ninja", "-C", "build"]):
        done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tree / "build"


def migrate(stack: Stack, newer: Path) -> None:
    env = base_env(**stack.broker.env(), **stack.database.admin_env())
    done = run([str(newer / "cli/holdfast"), "migrate"], env, 60)
    assert done.returncode == 0, done.stderr


def of(daemon: Daemon, newer: Path) -> Daemon:
    """Not started yet."""
    name = Path(daemon.argv[0]).name
    daemon.argv = [str(newer / name.removeprefix("holdfast-") / name)]
    return daemon


def post(stack: Stack, first: int, count: int) -> None:
    answer = stack.post([{"event_type": "mixed", "event_id": f"m-{first + i}", "region": f"r{first + i}",
                          "metadata": {"mine": first + i}} for i in range(count)])
    assert answer.status_code == 202, answer.text


def check(stack: Stack, count: int) -> None:
    """Each once, with its region and its own metadata, and nothing in quarantine."""
    stack.wait_count(count)
    assert stack.count(f"event_id = 'm-' || substr({KNOWN}, 2) AND metadata->>'mine' = substr({KNOWN}, 2)"
                       ) == count
    assert stack.database.value("SELECT count(*) FROM quarantine") == 0


def test_a_newer_producer_with_this_consumer(make_stack: Callable[..., Stack], newer: Path) -> None:
    stack = make_stack(start=False)
    migrate(stack, newer)
    of(stack.producer, newer)
    stack.start()
    post(stack, 0, 100)
    check(stack, 100)
    assert stack.count("region IS NULL") == 100
    assert stack.consumer.metric("holdfast_events_newer_total") == 100
    post(stack, 0, 100)  # a repetition is known whoever reads it
    post(stack, 100, 1)
    check(stack, 101)


def test_this_producer_with_a_newer_consumer(make_stack: Callable[..., Stack], newer: Path) -> None:
    stack = make_stack(start=False)
    migrate(stack, newer)
    of(stack.consumer, newer)
    stack.start()
    post(stack, 0, 100)
    stack.wait_count(100, "metadata->>'region' IS NOT NULL AND region IS NULL")
    assert stack.database.value("SELECT count(*) FROM quarantine") == 0


def test_consumers_forth_and_back_under_load(make_stack: Callable[..., Stack], newer: Path) -> None:
    stack = make_stack(consumers=2, start=False)
    migrate(stack, newer)
    of(stack.producer, newer)
    ours, theirs = stack.consumers
    of(theirs, newer)
    stack.start()
    sent, stop = [0], threading.Event()

    def send() -> None:
        while not stop.is_set():
            post(stack, sent[0], 50)
            sent[0] += 50

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for leaving in (theirs, ours) * 2:
            begun = sent[0]
            leaving.stop()
            while sent[0] < begun + 500 and sender.is_alive():
                time.sleep(0.01)
            leaving.restart()
    finally:
        stop.set()
        sender.join()
    check(stack, sent[0])
    assert 0 < stack.count("region IS NULL") < sent[0]
