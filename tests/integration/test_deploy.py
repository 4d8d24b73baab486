# SPDX-License-Identifier: Apache-2.0
"""deploy/up and deploy/down for real: servers of their own, with folders that are closed, and an end
that is one."""
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rig.process import clean_environment, run
from rig.stack import SOURCE
from rig.wait import wait_for


class Deployment:
    def __init__(self, state: Path):
        self.state = state

    def call(self, program: str, *args: str, seconds: float = 600) -> subprocess.CompletedProcess:
        return run([str(SOURCE / "deploy" / program), *args],
                   clean_environment(HOLDFAST_STATE=str(self.state)), seconds)

    def up(self) -> str:
        done = self.call("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def down(self, *options: str) -> str:
        done = self.call("down", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def env(self) -> dict[str, str]:
        said = self.call("env").stdout
        return dict(re.findall(r"^export (\w+)=(.*)$", said, re.M))

    def pid(self, name: str) -> int:
        return int((self.state / f"run/{name}.pid").read_text().split()[0])

    def post(self, event_id: str) -> int:
        return httpx.post(self.env()["HOLDFAST_URL"] + "/log", timeout=10,
                          json={"event_type": "x", "event_id": event_id}).status_code

    def stored(self, event_id: str) -> int:
        e = self.env()
        done = run(["psql", "-XAtc", f"SELECT count(*) FROM log_events WHERE event_id = '{event_id}'"],
                   clean_environment(**{k: v for k, v in e.items() if k.startswith("PG")}), 30)
        return int(done.stdout)


def processes_in(folder: Path) -> list[str]:
    """Of the servers, each works in its folder, and of our own programs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            places = os.readlink(process / "cwd"), os.readlink(process / "exe")
        except OSError:
            continue
        if any(place.startswith(f"{folder}/") for place in places):
            found.append(f"{process.name} {places}")
    return found


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """Below folders that the servers' users may pass."""
    deployment = Deployment(Path("/var/tmp") / f"holdfast-{os.getpid()}")
    yield deployment
    done = deployment.call("down", "--purge")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not deployment.state.exists() and not processes_in(deployment.state)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def leave_a_build_of_an_older_release(deployment: Deployment) -> Path:
    """Made with other options and of other libraries."""
    left = deployment.state / "build/left"
    left.parent.mkdir(parents=True)
    left.touch()
    (left.parent / "inputs").write_text(f"{SOURCE}\nlibrabbitmq-dev 0.1\n")
    return left


def everything_is_closed(deployment: Deployment) -> None:
    state = deployment.state
    assert mode(state) == mode(state / "etc") == "0o711"
    for folder in ("log", "run", "build", "postgresql", "rabbitmq"):
        assert mode(state / folder) == "0o700", folder
    assert mode(state / "settings") == "0o600" and mode(state / "etc/rabbitmq.conf") == "0o640"
    written = [*(state / "rabbitmq").rglob("*"), *(state / "log").iterdir()]
    assert not [p for p in written if not p.is_symlink() and p.stat().st_mode & 0o007]


def the_programs_alone_were_built(deployment: Deployment) -> None:
    """And warnings are none of a user's business: another compiler may have more of them."""
    build = deployment.state / "build"
    assert not (build / "tests").exists()
    assert "-Werror" not in (build / "compile_commands.json").read_text()


def each_login_has_its_rights_and_no_more(deployment: Deployment) -> None:
    said = run([str(deployment.state / "bin/rabbitmqctl"), "-q", "list_permissions"],
               clean_environment(), 60).stdout
    may = {line.split("\t")[0]: line.split("\t")[1:] for line in said.splitlines()}
    assert may["holdfast_producer"] == ["^$", r"^amq\.default$", "^$"]
    assert may["holdfast_consumer"] == [r"^(log_queue(\..*)?|events)$", r"^(amq\.default|events)$",
                                        r"^(log_queue(\..*)?)$"]


def the_broker_is_the_process_that_was_started(deployment: Deployment) -> None:
    """No script stands between that could be killed in its place."""
    assert Path(f"/proc/{deployment.pid('rabbitmq')}/comm").read_text() == "beam.smp\n"


def a_second_up_changes_nothing_that_runs(deployment: Deployment) -> None:
    names = ("postgresql", "rabbitmq", "epmd", "consumer", "producer")
    before = {name: deployment.pid(name) for name in names}
    deployment.up()
    assert {name: deployment.pid(name) for name in names} == before


def an_up_replaces_what_one_that_was_interrupted_left(deployment: Deployment) -> None:
    """It had installed the program, but not yet started it."""
    before = {name: deployment.pid(name) for name in ("consumer", "producer")}
    program = deployment.state / "bin/holdfast-consumer"
    shutil.copy2(program, program.with_name(".new"))
    program.with_name(".new").rename(program)
    deployment.up()
    assert deployment.pid("consumer") != before["consumer"]
    assert deployment.pid("producer") == before["producer"]


def down_ends_a_broker_that_stands_still(deployment: Deployment) -> None:
    """It says so."""
    assert deployment.post("kept") == 202
    wait_for("the row", lambda: deployment.stored("kept"), 30)
    os.kill(deployment.pid("rabbitmq"), signal.SIGSTOP)
    said = deployment.down()
    assert "rabbitmq did not stop within" in said and "Holdfast is down" in said
    assert not processes_in(deployment.state)


def an_up_whose_broker_ends_says_so_at_once(deployment: Deployment) -> None:
    """It does not wait for what cannot come."""
    settings = deployment.state / "settings"
    known = settings.read_text()
    settings.write_text(re.sub(r"^rabbitmq_port=.*$", "rabbitmq_port=notaport", known, flags=re.M))
    done = deployment.call("up")
    settings.write_text(known)
    assert done.returncode == 1
    assert f"rabbitmq has ended; see {deployment.state}/log/rabbitmq.log" in done.stderr
    deployment.down()


def plant_links(state: Path, victim: Path) -> None:
    """As who has broken into a server may: in its folder, and in those of the logs it once had."""
    for user, folders in (("postgres", ["postgresql", "log/postgresql"]),
                          ("rabbitmq", ["rabbitmq", "log/rabbitmq"])):
        for folder in folders:
            (state / folder).mkdir(exist_ok=True)
            os.chown(state / folder, pwd.getpwnam(user).pw_uid, -1)
            for name in ("out.log", "epmd.log", "password", "rabbitmq.conf", "enabled_plugins",
                         "data.new", "rabbitmq.log", "postgresql.log"):
                (state / folder / name).symlink_to(victim)


def test_a_deployment_from_up_to_purge(deployment: Deployment, tmp_path: Path) -> None:
    left = leave_a_build_of_an_older_release(deployment)
    said = deployment.up()
    assert "An event was accepted, queued and stored" in said and "Holdfast is up" in said
    assert not left.exists()
    everything_is_closed(deployment)
    the_programs_alone_were_built(deployment)
    each_login_has_its_rights_and_no_more(deployment)
    the_broker_is_the_process_that_was_started(deployment)
    a_second_up_changes_nothing_that_runs(deployment)
    an_up_replaces_what_one_that_was_interrupted_left(deployment)
    down_ends_a_broker_that_stands_still(deployment)
    an_up_whose_broker_ends_says_so_at_once(deployment)

    victim = tmp_path / "victim"
    victim.write_text("root's own\n")
    victim.chmod(0o600)
    if os.getuid() == 0:
        plant_links(deployment.state, victim)
    deployment.up()
    assert victim.read_text() == "root's own\n" and mode(victim) == "0o600"
    assert victim.stat().st_uid == os.getuid(), "root followed a link"
    assert deployment.stored("kept") == 1 and deployment.post("again") == 202


def test_the_folders_above_that_it_makes_let_the_servers_users_pass(tmp_path: Path) -> None:
    """Whatever the umask; it ends here before it installs anything."""
    for name in ("dpkg-query", "apt-get", "sudo"):
        (tmp_path / name).symlink_to("/bin/false")
    state = tmp_path / "a/b/state"
    done = run([str(SOURCE / "deploy/up")],
               clean_environment(HOLDFAST_STATE=str(state), PATH=f"{tmp_path}:/usr/bin:/bin"), 60)
    assert done.returncode == 1 and "apt-get update failed" in done.stderr
    assert mode(tmp_path / "a") == mode(tmp_path / "a/b") == "0o755" and mode(state) == "0o711"


@pytest.mark.skipif(os.getuid() != 0, reason="only root has users to drop to")
def test_root_does_not_write_into_anothers_state(tmp_path: Path) -> None:
    """Whoever owns the folder decides what the names in it lead to."""
    for folder in (tmp_path / "a", tmp_path / "b/log"):
        folder.mkdir(parents=True)
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    for state, folder in ((tmp_path / "a", ""), (tmp_path / "b", "/log")):
        done = Deployment(state).call("up")
        assert done.returncode == 1 and f"{state}{folder} belongs to another user" in done.stderr
