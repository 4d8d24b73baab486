# SPDX-License-Identifier: Apache-2.0
"""Settings as an operator meets them: what is refused, what the answer says, and the two URLs."""
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
import yaml

from rig.process import run
from rig.stack import SOURCE, Stack, base_env, program
from rig.wait import free_port
from seeds import stored

DEFAULTS = {"RABBITMQ_PASSWORD": ["guest", None], "DATABASE_PASSWORD": ["your_secure_password", "password"]}


@pytest.mark.parametrize("binary, names", [
    ("holdfast-producer", ["RABBITMQ_PASSWORD"]),
    ("holdfast-consumer", ["RABBITMQ_PASSWORD", "DATABASE_PASSWORD"])])
def test_production_does_not_start_with_default_passwords(binary: str, names: list[str]) -> None:
    own = {name: "of-our-own" for name in DEFAULTS}
    assert run([program(binary), "--check"], base_env(**own, ENVIRONMENT="production")).returncode == 0
    for name in names:
        for value in DEFAULTS[name]:
            env = base_env(**{k: v for k, v in {**own, name: value}.items() if v is not None})
            assert run([program(binary), "--check"], env).returncode == 0
            done = run([program(binary)], {**env, "ENVIRONMENT": "production"})
            assert done.returncode == 78
            assert f"{name} is a default password" in done.stderr and "set one of your own" in done.stderr


def test_a_short_key_is_refused() -> None:
    for key, status in (("", 0), ("k" * 15, 78), ("k" * 16, 0)):
        done = run([program("holdfast-producer"), "--check"], base_env(ADMIN_API_KEY=key))
        assert done.returncode == status
        assert ("ADMIN_API_KEY is shorter than 16 bytes" in done.stderr) == (status == 78)


@pytest.mark.parametrize("binary, host, port", [
    ("holdfast-producer", "PRODUCER_HOST", "PRODUCER_PORT"),
    ("holdfast-consumer", "METRICS_HOST", "METRICS_PORT")])
def test_an_address_that_is_not_here_is_named_with_its_setting(binary: str, host: str, port: str) -> None:
    env = base_env(**{host: "192.0.2.1", port: str(free_port())}, DATABASE_PASSWORD="x")
    done = run([program(binary)], env, 10)
    assert done.returncode == 1
    assert all(word in done.stderr for word in (host, port, "192.0.2.1", "an address of this machine"))


def test_the_urls_of_broker_and_database_will_do(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(start=False)
    for daemon in stack.daemons:
        mq, db = ({k: quote(daemon.env.get(f"{kind}_{k}", ""), safe="")
                   for k in ("HOST", "PORT", "USER", "PASSWORD", "VHOST", "NAME")}
                  for kind in ("RABBITMQ", "DATABASE"))
        daemon.env["RABBITMQ_URL"] = "amqp://{USER}:{PASSWORD}@{HOST}:{PORT}/{VHOST}".format(**mq)
        daemon.env["DATABASE_URL"] = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**db)
        for kind in ("RABBITMQ", "DATABASE"):
            daemon.env.update({f"{kind}_HOST": "192.0.2.1", f"{kind}_PORT": "1", f"{kind}_USER": "nobody"})
            daemon.env.pop(f"{kind}_PASSWORD", None)
    stack.start()
    stored(stack, {"event_type": "x"})


FIXED_BY_COMPOSE = re.compile(
    r"(RABBITMQ|DATABASE)_(URL|HOST|PORT|PASSWORD|SSLMODE|SSLROOTCERT|TLS|CA_FILE)"
    r"|RABBITMQ_USER|(PRODUCER|METRICS)_(HOST|PORT)|ADMIN_API_KEY|CATALOG_DIR")


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_compose_passes_every_setting_with_its_default(service: str) -> None:
    told = run([program(f"holdfast-{service}"), "--help"], base_env()).stdout
    names = set(re.findall(r"^  ([A-Z_]{4,}) +", told, re.M))
    compose = yaml.safe_load((SOURCE / "deploy/compose.yaml").read_text(encoding="utf-8"))
    given = {name: re.fullmatch(r"\$\{(\w+):?-(.*)\}", value)
             for name, value in compose["services"][service]["environment"].items()}
    passed = {name: found[2] for name, found in given.items() if found}
    assert all(found is None or found[1] == name for name, found in given.items())
    assert names - set(passed) == {name for name in names if FIXED_BY_COMPOSE.fullmatch(name)}
    shown = run([program(f"holdfast-{service}"), "--print-config"], base_env(DATABASE_PASSWORD="x")).stdout
    kept = dict(re.findall(r"^(\w+)=(.*?)  #", shown, re.M))
    assert passed == {name: kept[name] for name in passed}
