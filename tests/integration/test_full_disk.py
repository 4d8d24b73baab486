# SPDX-License-Identifier: Apache-2.0
"""A consumer with nothing to do notices that PostgreSQL's disk is full, and that it has room again:
/readyz asks no event to find out. The disk is a small one of its own."""
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.database import Cluster
from rig.servers import WRITER, migrate_template
from rig.stack import Stack
from rig.wait import wait_for


@pytest.fixture
def disk(rig_folder: Path) -> Iterator[Path]:
    folder = rig_folder / "disk"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(folder)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system of its own may be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_cluster(disk: Path) -> Iterator[Cluster]:
    server = Cluster(disk / "postgres", {"shared_buffers": "16MB", "max_wal_size": "64MB",
                                         "min_wal_size": "32MB", "autovacuum": "off"})
    try:
        server.start()
        yield server
    finally:
        server.kill9()


@pytest.fixture
def stack_on_disk(make_stack: Callable[..., Stack], small_cluster: Cluster) -> Stack:
    template = migrate_template(small_cluster)
    database = small_cluster.create_database("on_disk", template)
    database.user = WRITER
    stack = make_stack(consumers=0)
    stack.database = database
    stack.add_consumer().start()
    stack.consumer.wait_ready()
    return stack


def fill(disk: Path) -> Path:
    """To the last byte that is to be had."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


def test_an_idle_consumer_is_not_ready_while_the_disk_is_full(stack_on_disk: Stack, disk: Path) -> None:
    stack, consumer = stack_on_disk, stack_on_disk.consumer
    assert stack.post({"event_type": "disk.test", "payload": {}}).status_code == 202
    stack.wait_count(1)
    ballast = fill(disk)
    wait_for("not ready", lambda: consumer.get("/readyz").status_code == 503, 40)
    check = consumer.health()["checks"]["postgresql"]
    assert check["status"] == "unhealthy" and "No space left" in check["detail"]
    assert stack.post([{"event_type": "disk.test", "payload": {}}] * 5).status_code == 202
    os.remove(ballast)
    stack.wait_count(6, seconds=60)
    consumer.wait_ready()
    assert stack.database.rows("SELECT * FROM quarantine") == []


def test_probing_leaves_nothing_behind(stack_on_disk: Stack) -> None:
    """No row, no dead row, no page: the transaction of the row is rolled back, the pages are given
    back with their own."""
    rows = "SELECT n_tup_ins, pg_relation_size('log_events_' || to_char(now(), 'YYYY_MM')) AS size" \
           " FROM pg_stat_user_tables WHERE relname = 'batches'"
    database = stack_on_disk.database
    before = database.rows(rows)[0]
    wait_for("two more probes", lambda: database.rows(rows)[0]["n_tup_ins"] >= before["n_tup_ins"] + 4, 60)
    assert database.value("SELECT count(*) FROM batches") == 0
    assert database.rows(rows)[0]["size"] == before["size"]
    assert database.value("SELECT coalesce(sum(pg_relation_size(oid)), 0)::int FROM pg_class"
                          " WHERE relname = 'stage' AND relpersistence = 't'") == 0
