# SPDX-License-Identifier: Apache-2.0
"""What the servers of another release have left is seen by deploy/up before anything is started."""
import subprocess
from pathlib import Path

import pytest

from rig.process import clean_environment, run
from rig.stack import SOURCE

# What a data folder has in use, as each release of Debian writes it.
FEATURES = {"3.10": "[quorum_queue,stream_queue,user_limits,\n  virtual_host_metadata].",
            "3.13": "[classic_queue_type_delivery_support,feature_flags_v2,message_containers].",
            "4.0.0": "[message_containers,'rabbitmq_4.0.0',stream_queue].",
            "4.3.0": "[khepri_db,message_containers,'rabbitmq_4.0.0',\n  'rabbitmq_4.3.0'].",
            "4.10.0": "['rabbitmq_4.3.0','rabbitmq_4.10.0']."}


def call(state: Path, commands: str) -> subprocess.CompletedProcess:
    """Commands of bash, with what deploy/up is made of."""
    script = f'. {SOURCE}/deploy/lib.sh; . {SOURCE}/deploy/data.sh; {commands}'
    return run(["bash", "-c", script], clean_environment(HOLDFAST_STATE=str(state)), 30)


def up(state: Path) -> subprocess.CompletedProcess:
    return run([str(SOURCE / "deploy/up")], clean_environment(HOLDFAST_STATE=str(state)), 60)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def put_settings(state: Path) -> None:
    """Those that a deployment with data always has, as far as they are asked for here."""
    put(state / "settings", "broker_node=n@localhost\ndatabase_host=\nrabbitmq_host=\n")


def nothing_was_done(state: Path) -> bool:
    return not list((state / "run").iterdir()) and not (state / "build").exists()


@pytest.mark.parametrize("version", ["9.6", "99"])
def test_a_database_whose_server_is_not_there_is_refused(version: str, tmp_path: Path) -> None:
    put_settings(tmp_path)
    put(tmp_path / "postgresql/data/PG_VERSION", f"{version}\n")
    done = up(tmp_path)
    assert done.returncode == 1 and "Nothing was started or changed" in done.stderr
    assert f"PostgreSQL {version}, whose server is not installed" in done.stderr
    assert f"postgresql-{version}" in done.stderr and "docs/operations.md" in done.stderr
    assert nothing_was_done(tmp_path)


def test_the_server_that_made_the_database_serves_it(tmp_path: Path) -> None:
    put(tmp_path / "postgresql/data/PG_VERSION", "15\n")
    tree = tmp_path / "servers"
    for version in ("9.6", "15", "17"):
        put(tree / version / "bin/postgres", "")
        (tree / version / "bin/postgres").chmod(0o755)
    done = call(tmp_path, f"servers={tree}; database_host=; choose_postgres; echo $postgres_bin")
    assert done.stdout.splitlines()[-1] == f"{tree}/15/bin"
    assert "stays with PostgreSQL 15" in done.stdout and "to go on to 17" in done.stdout


def test_a_folder_without_a_server_is_none(tmp_path: Path) -> None:
    """It may be a client's, or what a server that was removed has left."""
    tree = tmp_path / "servers"
    put(tree / "18/bin/psql", "")
    choose = f"servers={tree}; database_host=; choose_postgres; echo $postgres_bin"
    done = call(tmp_path, choose)
    assert done.returncode == 1 and f"no PostgreSQL server is in {tree}" in done.stderr
    assert "the database in" not in done.stderr, "there is none"
    put(tree / "17/bin/postgres", "")
    (tree / "17/bin/postgres").chmod(0o755)
    assert call(tmp_path, choose).stdout == f"{tree}/17/bin\n"


def test_a_database_elsewhere_needs_no_server_here(tmp_path: Path) -> None:
    put(tmp_path / "postgresql/data/PG_VERSION", "9.6\n")
    done = call(tmp_path, f"servers={tmp_path}/none; database_host=far; choose_postgres; echo on")
    assert (done.stdout, done.stderr) == ("on\n", "")


def test_the_brokers_data_of_a_release_too_far_away_is_refused(tmp_path: Path) -> None:
    """With no note of the version, as deploy/up left it before it made one."""
    put_settings(tmp_path)
    (tmp_path / "rabbitmq/data/n@localhost").mkdir(parents=True)
    installed = call(tmp_path, "installed_rabbitmq").stdout
    found, features = ("3.10", FEATURES["3.10"]) if installed.startswith("4") else \
        ("4.3.0", FEATURES["4.3.0"])
    put(tmp_path / "rabbitmq/data/n@localhost-feature_flags", features)
    done = up(tmp_path)
    assert done.returncode == 1 and "Nothing was started or changed" in done.stderr
    assert f"of RabbitMQ {found}, which RabbitMQ {installed.strip()} cannot read" in done.stderr
    assert "until its queues are\n  empty" in done.stderr and "docs/operations.md" in done.stderr
    assert nothing_was_done(tmp_path)


@pytest.mark.parametrize("version", FEATURES)
def test_the_version_is_told_by_what_is_in_use(version: str, tmp_path: Path) -> None:
    (tmp_path / "rabbitmq/data/n@localhost").mkdir(parents=True)
    put(tmp_path / "rabbitmq/data/n@localhost-feature_flags", FEATURES[version])
    asked = "broker_node=n@localhost; rabbitmq_of_data"
    assert call(tmp_path, asked).stdout == f"{version}\n"
    put(tmp_path / "etc/rabbitmq.version", "4.0.5\n")
    assert call(tmp_path, asked).stdout == "4.0.5\n", "the note comes first"


def test_no_data_is_of_no_version(tmp_path: Path) -> None:
    put(tmp_path / "etc/rabbitmq.version", "3.10.8\n")
    assert call(tmp_path, "broker_node=n@localhost; rabbitmq_of_data").stdout == ""


@pytest.mark.parametrize("server,data,can", [
    ("3.10.8", "3.10.8", True), ("3.10.25", "3.10.8", True), ("3.10.8", "3.10.25", True),
    ("3.11.0", "3.10.8", True), ("3.12.1", "3.10.8", False), ("3.13.7", "3.12.1", True),
    ("4.0.5", "3.10.8", False), ("4.0.5", "3.12.1", False), ("4.0.5", "3.13", True),
    ("4.2.9", "3.13.7", True), ("4.3.6", "3.13.7", False), ("4.3.6", "4.0.5", True),
    ("4.0.5", "4.3.6", False), ("3.13.7", "4.0.5", False), ("4.10.0", "4.9.0", True),
    ("4.9.0", "4.10.0", False)])
def test_who_can_read_whose(server: str, data: str, can: bool, tmp_path: Path) -> None:
    done = call(tmp_path, f"can_read {server} {data} && echo yes || echo no")
    assert done.stdout == ("yes\n" if can else "no\n")
