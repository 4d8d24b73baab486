# SPDX-License-Identifier: Apache-2.0
"""/health says what is wrong, of what is wrong, and of nothing else."""
from collections.abc import Callable

from rig.broker import Vhost
from rig.database import Database
from rig.stack import Daemon, Stack
from rig.wait import wait_for


def checks(daemon: Daemon) -> dict[str, dict]:
    """Each that is not healthy has a reason."""
    found = daemon.health()["checks"]
    for name, check in found.items():
        assert check["status"] == "healthy" or check.get("detail"), (name, check)
    return found


def test_the_databases_trouble_is_not_the_brokers(make_stack: Callable[..., Stack],
                                                  database: Database) -> None:
    """After a minute without it the messages go back to the queue."""
    stack = make_stack()
    assert checks(stack.consumer)["rabbitmq"] == {"status": "healthy"}
    database.stop()
    try:
        assert stack.post({"event_type": "x", "event_id": "later"}).status_code == 202
        wait_for("PostgreSQL unhealthy",
                 lambda: checks(stack.consumer)["postgresql"]["status"] == "unhealthy")
        wait_for("nothing taken any more", lambda: "stay in the queue" in checks(stack.consumer)[
            "rabbitmq"].get("detail", ""), 90, 0.5)
        assert checks(stack.consumer)["rabbitmq"]["status"] == "degraded"
        assert stack.consumer.get("/readyz").status_code == 503
    finally:
        database.start()
    stack.event("later")
    wait_for("all well", lambda: stack.consumer.health()["status"] == "healthy")


def test_the_brokers_trouble_is_not_the_databases(stack: Stack, broker: Vhost) -> None:
    broker.stop()
    try:
        for daemon in stack.daemons:
            wait_for("the broker missed", lambda d=daemon: checks(d)["rabbitmq"]["status"] ==
                     "unhealthy")
        assert checks(stack.consumer)["postgresql"] == {"status": "healthy"}
        assert "503" not in checks(stack.producer)["rabbitmq"]["detail"]
    finally:
        broker.start()
    for daemon in stack.daemons:
        daemon.wait_ready()


def test_a_queue_that_cannot_be_had_is_named(make_stack: Callable[..., Stack],
                                             broker: Vhost) -> None:
    with broker.connect() as connection:
        connection.channel().queue_declare("log_queue", durable=True)
    stack = make_stack(start=False)
    for daemon in stack.daemons:
        daemon.start()
        wait_for("it saying why", lambda d=daemon: answers(d) and "log_queue" in checks(d)[
            "rabbitmq"].get("detail", ""))


def answers(daemon: Daemon) -> bool:
    try:
        daemon.health()
        return True
    except OSError:
        return False


def test_every_check_of_a_start_without_servers_has_a_reason(make_stack: Callable[..., Stack],
                                                             ) -> None:
    stack = make_stack(start=False, producer_amqp_port=1, consumer_amqp_port=1, database_port=1)
    for daemon in stack.daemons:
        daemon.start()
        wait_for("it answering", lambda d=daemon: answers(d))
        for _ in range(20):
            found = checks(daemon)
        assert found["rabbitmq"]["status"] == "unhealthy"


def test_a_standstill_is_said_again(make_stack: Callable[..., Stack], broker: Vhost) -> None:
    """An alarm is on: the broker takes nothing. The log says so as long as it lasts."""
    stack = make_stack(consumers=0)
    broker.rabbitmqctl("set_disk_free_limit", "1000000GB")
    try:
        stack.post({"event_type": "x"})  # whoever publishes is blocked
        wait_for("a refusal", lambda: stack.post({"event_type": "x"}).status_code == 503)
        wait_for("the log saying it again", lambda: stack.producer.log_text().count(
            '"events_refused"') >= 1, 60, 0.5)
        assert "accepts no messages" in checks(stack.producer)["rabbitmq"]["detail"]
    finally:
        broker.rabbitmqctl("set_disk_free_limit", "50000000")
    wait_for("events taken", lambda: stack.post({"event_type": "x"}).status_code == 202)
