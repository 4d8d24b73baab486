# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one broker and one PostgreSQL cluster per session, a virtual host and a database of
its own per test.

    stack                one producer, one consumer, started and ready
    make_stack(...)      as many as wanted, with settings
    broker, database     the test's own virtual host and migrated database
    http                 how to reach the producer without a client library in between

A failing test shows the ends of all logs, and what the broker says about failures of its own.

A broker that was killed, or under which a test failed, is looked at before the next test gets it; one
that is ill is replaced, with a warning, and its log is kept: an illness costs one test.
"""
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.broker import Broker, Vhost, folder_for_servers
from rig.database import SUPERUSER, Cluster, Database, remove_folder
from rig.process import end_on_sigterm
from rig.servers import WRITER, migrate_template
from rig.stack import SOURCE, Stack


def pytest_configure() -> None:
    end_on_sigterm()


@pytest.fixture(scope="session")
def rig_folder() -> Iterator[Path]:
    folder = folder_for_servers()
    yield folder
    remove_folder(folder)


@pytest.fixture(scope="session")
def broker_server(rig_folder: Path) -> Iterator[Broker]:
    server = Broker(rig_folder / "rabbitmq")
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def cluster(rig_folder: Path) -> Iterator[Cluster]:
    server = Cluster(rig_folder / "postgres")
    try:
        server.start()
        yield server
    finally:
        server.kill9()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    return migrate_template(cluster)


@pytest.fixture
def broker(request: pytest.FixtureRequest, broker_server: Broker) -> Iterator[Vhost]:
    if not broker_server.is_running():
        broker_server.start()
    starts, mark = broker_server.starts, broker_server.log.mark()
    request.node.rig_broker_errors = lambda: broker_server.log.errors(mark)
    vhost = broker_server.create_vhost()
    yield vhost
    if not broker_server.is_running():
        broker_server.start()
    started = broker_server.starts != starts
    if (started or getattr(request.node, "rig_failed", False)) and not broker_server.is_well():
        replace(broker_server, request.node.nodeid)
    elif not started:
        # A queue that is deleted while its dead-letter worker starts takes the worker down, and
        # two of these in five seconds take all of them: after a start the host is left alone.
        vhost.drop()


def replace(server: Broker, test: str) -> None:
    kept = SOURCE / "build-logs" / f"ill-{server.node.partition('@')[0]}.log"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(server.log.text())
    warnings.warn(f"the broker was ill after {test} and is replaced; its log: {kept}", stacklevel=1)
    server.replace()


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[Database]:
    """A database nothing was done to, for tests of the migrations."""
    yield from _database(cluster, "template1", SUPERUSER)


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[Database]:
    yield from _database(cluster, template, WRITER)


def _database(cluster: Cluster, template: str, user: str) -> Iterator[Database]:
    if not cluster.is_running():
        cluster.start()
    database = cluster.create_database(f"t{secrets.token_hex(4)}", template)
    database.user = user
    yield database
    if not cluster.is_running():
        cluster.start()
    database.drop()


@pytest.fixture
def make_stack(request: pytest.FixtureRequest, broker: Vhost, database: Database,
               tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """make_stack(producers=2, consumers=0, producer_env={}): as `make` below says."""
    stacks: list[Stack] = []
    request.node.rig_stacks = stacks

    def make(producers: int = 1, consumers: int = 1, workers: int = 1,
             producer_env: dict | None = None, consumer_env: dict | None = None,
             producer_amqp_port: int | None = None, consumer_amqp_port: int | None = None,
             database_port: int | None = None, start: bool = True) -> Stack:
        folder = tmp_path / f"stack{len(stacks)}"
        folder.mkdir()
        stack = Stack(folder, broker, database)
        stacks.append(stack)
        for _ in range(producers):
            stack.add_producer(workers, producer_amqp_port, producer_env)
        for _ in range(consumers):
            stack.add_consumer(consumer_amqp_port, database_port, consumer_env)
        return stack.start() if start else stack

    yield make
    faults = [fault for stack in stacks for fault in stack.stop()]
    if faults:
        logs = "\n".join(stack.logs() for stack in stacks)
        pytest.fail("\n".join(faults) + "\n" + logs, pytrace=False)


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    return make_stack()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    item.rig_failed = True
    for stack in getattr(item, "rig_stacks", []) if report.when != "teardown" else []:
        report.sections.append(("stack", stack.logs()))
    if errors := getattr(item, "rig_broker_errors", str)():
        report.sections.append(("broker", errors))
