# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md, executed: the trouble of each section of its troubleshooting is made, its
commands are run as they stand there, and what `output` promises must be in what they print. Beyond
that: the rules for Prometheus, and the links of all documents."""
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rig.broker import ADMIN, ADMIN_PASSWORD, SCRIPTS, Broker, Vhost
from rig.clock import Clock
from rig.database import SUPERUSER, Cluster, Database
from rig.lone import LISTEN, lone, running
from rig.process import Process, clean_environment, run
from rig.stack import SOURCE, Stack, base_env, program
from rig.wait import free_port, wait_for

OPERATIONS = SOURCE / "docs" / "operations.md"
ALERTS = SOURCE / "deploy" / "prometheus" / "alerts.yaml"
NAME, USER = "code_reviewer_logs", "logging_service_user"


@pytest.fixture
def broker(broker_server: Broker) -> Iterator[Vhost]:
    """The virtual host that rabbitmqctl looks at when nobody names another."""
    vhost = Vhost(broker_server, "/", ADMIN, ADMIN_PASSWORD)
    yield vhost
    for queue in vhost.queues():
        broker_server.api("DELETE", f"/api/queues/%2F/{queue}")


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """Made as the document makes it, with the names that are the defaults."""
    made = Database(cluster, NAME, USER, "of its own")
    admin = {**made.env(), "DATABASE_ADMIN_USER": SUPERUSER, "DATABASE_ADMIN_PASSWORD": cluster.password}
    done = run([program("holdfast"), "migrate", "--create-database", "--writer", USER,
                "--reader", USER], base_env(**admin))
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    made.drop()


# ---- the troubles: each gives the stack and what is wrong with the environment ----

Maker = Callable[..., Stack]
TROUBLES: dict[str, Callable] = {}


def trouble(title: str) -> Callable[[Callable], Callable]:
    def enter(function: Callable) -> Callable:
        TROUBLES[title] = contextmanager(function)
        return function
    return enter


@trouble("Connection refused")
def nobody_listens(make: Maker) -> Iterator[tuple]:
    yield make(start=False), {"RABBITMQ_PORT": str(free_port()), "DATABASE_PORT": str(free_port())}


@trouble("Producers answer 503")
def no_broker(make: Maker) -> Iterator[tuple]:
    stack = make(consumers=0, producer_amqp_port=free_port(), start=False)
    stack.producer.start()
    wait_for("no waiting for the broker any more",
             lambda: "cannot be reached" in stack.post({"event_type": "example"}).text, 60)
    yield stack, {}


@trouble("Accepted, but not stored")
def conflict(make: Maker) -> Iterator[tuple]:
    stack = make()
    for title in ("one", "another"):
        stack.post({"event_type": "x", "event_id": "twice", "title": title})
    wait_for("the conflict", lambda: stack.database.value("SELECT count(*) FROM quarantine"))
    yield stack, {}


@trouble("A clock is wrong")
def two_days_ahead(make: Maker) -> Iterator[tuple]:
    with tempfile.TemporaryDirectory() as folder:
        stack = make(start=False, consumer_env=Clock(Path(folder) / "clock", "+2d").env)
        stack.consumer.start()
        wait_for("a wrong clock", lambda: stack.consumer.health()["checks"]["clock"]["status"] != "healthy")
        yield stack, {}


@trouble("The queue grows")
def locked(make: Maker) -> Iterator[tuple]:
    stack = make()
    with stack.database.connect() as session, session.transaction():
        session.execute("LOCK TABLE log_events")
        for _ in range(3):
            stack.post({"event_type": "x"})
        wait_for("all held", lambda: stack.consumer.metric("holdfast_in_flight_messages") == 3)
        yield stack, {}


@trouble("Authentication errors")
def wrong_passwords(make: Maker) -> Iterator[tuple]:
    yield make(start=False), {"RABBITMQ_PASSWORD": "wrong", "DATABASE_PASSWORD": "wrong"}


@trouble("A daemon does not start")
def wrong_settings(make: Maker) -> Iterator[tuple]:
    yield make(start=False), {"CONSUMER_PREFETCH": "lots", "DATABASE_PASSWORD": None}


@trouble("Everyday checks")
def none(make: Maker) -> Iterator[tuple]:
    stack = make()
    stack.post({"event_type": "x"})
    stack.wait_count(1)
    yield stack, {}


# ---- the commands ----

def sections() -> dict[str, tuple[list[str], list[str]]]:
    """Of the troubleshooting: title -> commands, what they show."""
    text = OPERATIONS.read_text(encoding="utf-8").partition("\n## Troubleshooting\n")[2]
    found = {}
    for part in text.split("\n### ")[1:]:
        blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", part, re.M | re.S))
        commands = [line for line in blocks["sh"].splitlines() if line and not line.startswith("#")]
        found[part.partition("\n")[0]] = (commands, blocks["output"].splitlines())
    return found


def shell_environment(stack: Stack, folder: Path, wrong: dict[str, str | None]) -> dict[str, str]:
    """What `eval "$(deploy/env)"` gives, and curl told where the ports of the document are here."""
    ports = [(8001, stack.producers), (9090, stack.consumers)]
    (folder / ".curlrc").write_text("".join(
        f'connect-to = "localhost:{port}:127.0.0.1:{daemons[0].port}"\n'
        for port, daemons in ports if daemons))
    database = stack.database
    folders = [str(Path(program(p)).parent) for p in (*LISTEN, "holdfast")] + [str(SCRIPTS)]
    env = {**stack.broker.server.environment(), **stack.broker.env(), **database.env(),
           "HOLDFAST_URL": stack.url, "CURL_HOME": str(folder),
           "PGHOST": database.host, "PGPORT": str(database.port), "PGDATABASE": database.name,
           "PGUSER": USER, "PGPASSWORD": database.password, **wrong}
    env["PATH"] = ":".join([*folders, env["PATH"]])
    return {name: value for name, value in env.items() if value is not None}


def shown_by(command: str, env: dict[str, str], folder: Path) -> str:
    """What it prints; one that follows a file is stopped at its first line."""
    log = folder / "shown"
    log.unlink(missing_ok=True)
    shell = Process("shell", ["stdbuf", "-oL", "bash", "-c", command], env, log, cwd=folder)
    shell.start()
    endless = "tail -f" in command
    wait_for(command, lambda: not shell.is_running() or (endless and shell.log_text()))
    if endless:
        shell.kill9()
    elif not command.startswith("holdfast"):
        assert shell.exit_status() == 0, f"{command}\n{shell.log_text()}"
    return shell.log_text()


@pytest.mark.parametrize("title", TROUBLES)
def test_the_troubleshooting(title: str, make_stack: Maker, tmp_path: Path) -> None:
    commands, expected = sections()[title]
    with TROUBLES[title](make_stack) as (stack, wrong):
        env = shell_environment(stack, tmp_path, wrong)
        if stack.consumers:
            (tmp_path / "consumer.log").symlink_to(stack.consumer.log)
        text = "".join(shown_by(command, env, tmp_path) for command in commands)
    for line in expected:
        assert line in text, f"{line!r} is not in what is shown:\n{text}"


def test_every_section_has_its_trouble() -> None:
    assert list(sections()) == list(TROUBLES)


def test_the_way_to_a_consumer_within_a_container(make_stack: Maker) -> None:
    """As the document has it, but for the container around it."""
    stack = make_stack(producers=0)
    text = OPERATIONS.read_text(encoding="utf-8")
    function = re.search(r"^consumer_get\(\) \{.*?\}$", text, re.M | re.S)
    script = "in_service() { shift; \"$@\"; }\n" + function[0] + "\nconsumer_get /health | jq -e .checks"
    done = run(["bash", "-ec", script.replace("/9090", f"/{stack.consumer.port}")], clean_environment())
    assert done.returncode == 0 and '"postgresql"' in done.stdout, done.stdout + done.stderr


def test_a_restart_waits_until_it_is_ready_and_not_for_ever(tmp_path: Path) -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    ready = re.search(r"^ready\(\) \{.*\}$", text, re.M)[0].replace("time 60", "time 2")
    with running(lone("holdfast-consumer", tmp_path)) as daemon:
        wait_for("alive", lambda: daemon.get("/livez").status_code == 200)
        done = run(["bash", "-ec", f"{ready}\nready {daemon.port}"], clean_environment(), 20)
    assert done.returncode != 0 and "503" in done.stderr


# ---- what to watch, and the way around ----

def test_the_rules_are_rules_over_metrics_that_exist(tmp_path: Path) -> None:
    done = run(["promtool", "check", "rules", str(ALERTS)], clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    exist = ""
    for binary in LISTEN:
        with running(lone(binary, tmp_path)) as daemon:
            wait_for("alive", lambda d=daemon: d.get("/livez").status_code == 200)
            exist += daemon.get("/metrics").text
    for text in (ALERTS.read_text(), OPERATIONS.read_text(encoding="utf-8")):
        for name in re.findall(r"\b(?:holdfast|process)_\w+_\w+", text):
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert f"# TYPE {family} " in exist, name


def fires(alert: str, before: dict[str, float], after: dict[str, float], folder: Path) -> bool:
    """Of half an hour in which counters grew from the one to the other and gauges stood as after."""
    def values(name: str, now: float) -> str:
        if not name.partition("{")[0].endswith("_total"):
            return f"{now}+0x30"
        first = before.get(name, 0)
        return f"{first}+{(now - first) / 30}x30"
    series = [{"series": name, "values": values(name, now)} for name, now in after.items()]
    rules = folder / "rules.json"
    rules.write_text(json.dumps({
        "rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [{
            "interval": "1m", "input_series": series,
            "alert_rule_test": [{"eval_time": "30m", "alertname": alert, "exp_alerts": []}]}]}))
    done = run(["promtool", "test", "rules", str(rules)], clean_environment())
    told = done.stdout + done.stderr
    assert done.returncode == 0 or f'alertname="{alert}"' in told, told
    return done.returncode != 0


@contextmanager
def locked_table(database: Database) -> Iterator[None]:
    with database.connect() as session, session.transaction():
        session.execute("LOCK TABLE log_events IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """No row finds room; a probe, which adds none, does not see it."""
    with database.connect() as session:
        session.execute("""CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE 'no space left on device' USING ERRCODE = '53100'; END$$""")
        session.execute("CREATE TRIGGER no_room BEFORE INSERT ON log_events FOR EACH ROW"
                        " EXECUTE FUNCTION no_room()")
        yield
        session.execute("DROP TRIGGER no_room ON log_events")


@pytest.mark.parametrize("fault", [locked_table, full_disk])
def test_a_database_that_takes_nothing_calls_somebody(fault: Callable, make_stack: Maker,
                                                      tmp_path: Path) -> None:
    stack = make_stack(consumer_env={"CONSUMER_WRITERS": "1", "CONSUMER_RETRY_ATTEMPTS": "1"})
    alert, failed = "HoldfastNotStoring", 'holdfast_db_transactions_total{result="failed"}'
    stack.post({"event_type": "x"})
    stack.wait_count(1)
    wait_for("storing", lambda: stack.consumer.metric("holdfast_storing") == 1)
    good = stack.consumer.metrics()
    assert not fires(alert, good, good, tmp_path)
    with fault(stack.database):
        stack.post({"event_type": "x"})
        wait_for("failures", lambda: stack.consumer.metrics()[failed] > good[failed])
        if fault is locked_table:
            wait_for("told", lambda: stack.consumer.metric("holdfast_storing") == 0)
            wait_for("it to have gone back",
                     lambda: stack.consumer.metric("holdfast_in_flight_messages") == 0)
        bad = stack.consumer.metrics()
    assert bad["holdfast_oldest_unacked_age_seconds"] < 60
    assert fires(alert, good, bad, tmp_path)
    stack.wait_count(2)
    wait_for("storing again", lambda: stack.consumer.metric("holdfast_storing") == 1)
    assert not fires(alert, bad, stack.consumer.metrics(), tmp_path)


def test_only_who_sends_events_is_refused(make_stack: Maker, tmp_path: Path) -> None:
    stack = make_stack(consumers=0, producer_amqp_port=free_port(), start=False)
    producer = stack.producer
    producer.start()
    wait_for("alive", lambda: producer.get("/livez").status_code == 200)
    quiet = producer.metrics()
    assert [producer.get(path).status_code for path in ("/readyz", "/health", "/queue/status")] == [503] * 3
    probed = producer.metrics()
    assert not fires("HoldfastRefusing", quiet, probed, tmp_path)
    assert stack.post({"event_type": "x"}).status_code == 503
    assert fires("HoldfastRefusing", probed, producer.metrics(), tmp_path)


def test_every_alert_is_explained() -> None:
    alerts = re.findall(r"alert: (\w+)", ALERTS.read_text())
    assert alerts == re.findall(r"^\| `(Holdfast\w+)`", OPERATIONS.read_text(encoding="utf-8"), re.M)


def anchors(document: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))],
                         ids=lambda p: p.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target
