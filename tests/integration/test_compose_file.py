# SPDX-License-Identifier: Apache-2.0
"""What deploy/compose.yaml says of the servers it brings along, without running them."""
import re

import pytest
import yaml

from rig.stack import SOURCE



class Loader(yaml.SafeLoader):
    """Compose refuses a key that stands twice; YAML's own loader takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]  # before those of << are among them
        assert len(keys) == len(set(keys)), f"a key stands twice{node.start_mark}"
        return super().construct_mapping(node, deep)


FILE = yaml.load((SOURCE / "deploy/compose.yaml").read_text(), Loader)
SERVERS = {"postgres": "/var/lib/postgresql", "rabbitmq": "/var/lib/rabbitmq"}


def major(service: str) -> str:
    return re.fullmatch(r"docker\.io/library/\w+:(\d+)[.\d]*",
                        FILE["services"][service]["image"])[1]


@pytest.mark.parametrize("service", SERVERS)
def test_a_servers_files_are_in_a_volume_of_its_major_version(service: str) -> None:
    """A server that cannot read its forerunner's files never meets them."""
    volume = service + major(service)
    assert volume in FILE["volumes"]
    assert f"{volume}:{SERVERS[service]}" in FILE["services"][service]["volumes"]


def test_the_volumes_of_an_older_file_are_not_named() -> None:
    assert not {"postgres", "rabbitmq"} & FILE["volumes"].keys()


def test_the_database_makes_its_folder_below_the_volume() -> None:
    """From 18 on the image's data is not at /var/lib/postgresql/data, which a mount would hide."""
    assert int(major("postgres")) >= 18
    assert not [v for v in FILE["services"]["postgres"]["volumes"] if "/data" in v]


def test_the_images_are_those_the_containers_are_tried_with() -> None:
    tried = (SOURCE / "tests/container/conftest.py").read_text()
    for service in SERVERS:
        assert f'"{FILE["services"][service]["image"]}": "{service}"' in tried
    base = re.search(r"^ARG BASE=docker.io/library/debian:(\w+)-slim$",
                     (SOURCE / "deploy/Dockerfile").read_text(), re.MULTILINE)
    assert f'RELEASE = "{base[1]}"' in tried


def test_whoever_is_in_the_consumers_networks_may_ask_for_its_metrics() -> None:
    consumer = FILE["services"]["consumer"]
    assert consumer["environment"]["METRICS_HOST"] == "0.0.0.0"
    assert "ports" not in consumer
