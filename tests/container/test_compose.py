# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml as it stands, with consumers coming, going and dying under load."""
import json
import threading
import time
from collections.abc import Callable

from conftest import IMAGE
from project import Project
from rig.wait import wait_for

REQUEST = 20
RATE = 600  # events a second
OURS = ("producer", "consumer")


class Load:
    """Posts until told to finish, each request until it is accepted."""

    def __init__(self, project: Project):
        self.project, self.accepted = project, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._post)
        self._thread.start()

    def _post(self) -> None:
        while not self._over.wait(REQUEST / RATE):
            body = b"\n".join(json.dumps({"event_type": "scaled", "event_id": f"scaled-{n}",
                                          "payload": {"n": n}}).encode()
                              for n in range(self.accepted, self.accepted + REQUEST))
            while self.project.post(body, "application/x-ndjson") != 202:
                time.sleep(0.1)
            self.accepted += REQUEST

    def wait_accepted(self, more: int) -> None:
        target = self.accepted + more
        wait_for(f"{more} events more accepted", lambda: self.accepted >= target, 60)

    def finish(self) -> int:
        """How many events there are."""
        self._over.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the load does not end"
        return self.accepted


def test_consumers_come_and_go_and_each_event_is_stored_once(
        make_project: Callable[[str], Project]) -> None:
    project = make_project("scaled")
    with project.engine.service() as address:
        def up(consumers: int) -> None:
            project.compose("docker-compose", "up", "-d", "--no-build", "--scale",
                            f"consumer={consumers}", DOCKER_HOST=address)
            assert len(project.names("consumer")) == consumers

        with project.tended():
            up(1)
        for service in OURS:
            wait_for(f"a healthy {service}",
                     lambda s=service: project.health(project.names(s)[0]), 60, 0.5)
        seen_from_outside(project)
        seen_from_inside(project)
        nobody_is_guest(project)
        load = Load(project)
        up(4)
        wait_for("rows from each of the four", lambda: storing(project) == 4, 60, 0.3)
        killed = project.names("consumer")[1]
        project.engine.podman("kill", "--signal", "KILL", killed)
        up(2)
        load.wait_accepted(2000)
        each_is_stored_once(project, load.finish())


def storing(project: Project) -> int:
    """Each container is a host of its own, and so a consumer of its own."""
    return int(project.sql("SELECT count(DISTINCT split_part(consumer, ':', 1)) FROM batches")[0])


def each_is_stored_once(project: Project, events: int) -> None:
    what = "FROM log_events WHERE event_type = 'scaled'"
    wait_for("all rows", lambda: int(project.sql(f"SELECT count(*) {what}")[0]) >= events, 60, 0.5)
    ids = project.sql(f"SELECT event_id {what}")
    assert len(ids) == events
    assert set(ids) == {f"scaled-{n}" for n in range(events)}
    assert project.sql("SELECT count(*) FROM quarantine") == ["0"]


def seen_from_outside(project: Project) -> None:
    ports = {c["Labels"]["com.docker.compose.service"]: c["Ports"]
             for c in project.containers(every=True) if c["Ports"]}
    assert list(ports) == ["producer"]
    assert [(p["host_ip"], p["host_port"]) for p in ports["producer"]] == \
        [("127.0.0.1", project.port)]
    assert {c["State"] for c in project.containers()} == {"running"}


def seen_from_inside(project: Project) -> None:
    for service in OURS:
        assert project.run_in(service, "id", "-u").stdout == "65532\n"
        written = project.run_in(service, "touch", "/here", "/tmp/here", "/var/tmp/here",
                                 check=False)
        status = project.run_in(service, "cat", "/proc/1/status").stdout
        held = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert "Read-only file system" in written.stderr
        assert int(held["CapEff"], 16) == int(held["CapBnd"], 16) == 0
        assert held["NoNewPrivs"] == "1"
    assert project.run_in("producer", "getent", "hosts", "rabbitmq").stdout
    assert project.run_in("producer", "getent", "hosts", "postgres", check=False).stdout == ""


def nobody_is_guest(project: Project) -> None:
    def ctl(*argv: str) -> list[str]:
        return project.run_in("rabbitmq", "rabbitmqctl", "-q", *argv).stdout.splitlines()[1:]
    assert sorted(line.split("\t")[0] for line in ctl("list_users")) == \
        ["holdfast_consumer", "holdfast_producer"]
    tried = project.engine.podman(
        "run", "--rm", "--network", f"{project.name}_broker", "-e", "RABBITMQ_HOST=rabbitmq",
        IMAGE, "holdfast", "doctor", check=False).stdout
    assert "ACCESS_REFUSED" in tried, tried
    may = {line.split("\t")[0]: line.split("\t")[1:] for line in ctl("list_permissions")}
    queues = r"log_queue(\..*)?"
    assert may["holdfast_producer"] == ["^$", r"^amq\.default$", "^$"]
    assert may["holdfast_consumer"] == [f"^({queues}|events)$", r"^(amq\.default|events)$",
                                        f"^({queues})$"]
