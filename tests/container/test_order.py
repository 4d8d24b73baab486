# SPDX-License-Identifier: Apache-2.0
"""Nobody waits for anybody: podman-compose ignores the conditions, and here the order is the worst."""
import json
from collections.abc import Callable

from project import Project
from rig.wait import wait_for

SERVICES = ("producer", "consumer", "migrate", "rabbitmq", "postgres")


def start(project: Project, *services: str) -> None:
    for service in services:
        project.engine.podman("start", f"{project.name}_{service}_1")


def test_the_database_may_come_last_and_so_may_the_broker(
        make_project: Callable[[str], Project]) -> None:
    project = make_project("ordered")
    project.compose("podman-compose", "up", "--no-start", "--no-build")
    start(project, "consumer", "producer", "migrate", "rabbitmq")
    project.wait_until_accepted("before-the-database")
    start(project, "postgres")
    project.wait_until_stored("before-the-database", 60)

    project.engine.podman("stop", *(f"{project.name}_{name}_1" for name in SERVICES))
    start(project, "producer", "consumer", "migrate", "postgres")
    wait_for("503 without a broker", lambda: project.post(
        json.dumps({"event_type": "order"}).encode()) == 503, 30, 0.2)
    start(project, "rabbitmq")
    project.wait_until_accepted("after-the-broker")
    project.wait_until_stored("after-the-broker")
    assert project.sql("SELECT count(*) FROM log_events WHERE event_id = 'before-the-database'") == ["1"]
