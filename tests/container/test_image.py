# SPDX-License-Identifier: Apache-2.0
"""What the image is."""
import subprocess

from conftest import BASE, IMAGE
from engine import Engine

LAYERS_MB_MAX = 45


def test_our_layers_are_small(images: Engine) -> None:
    ours, base = (images.inspect("image", name)["Size"] for name in (IMAGE, BASE))
    added = (ours - base) / 1e6
    print(f"our layers add {added:.1f} MB to {base / 1e6:.1f} MB")
    assert 0 < added <= LAYERS_MB_MAX


def test_the_image_says_what_it_is_and_runs_as_nobody(images: Engine) -> None:
    image = images.inspect("image", IMAGE)
    config = image["Config"]
    label = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()
             if key.startswith("org.opencontainers.image.")}
    assert label["title"] == "Holdfast" and label["description"]
    assert label["licenses"] == "Apache-2.0" and label["revision"] == "tested"
    assert config["User"] == "65532:65532"
    assert image["Healthcheck"]["Test"] == ["CMD", "holdfast-producer", "--healthcheck"]
    for program in ("holdfast-producer", "holdfast-consumer", "holdfast"):
        told = run(images, program, "--version").stdout
        assert told.startswith(f"{program} {label['version']} (") and "tested)" in told


def test_no_compiler_and_no_source_in_the_image(images: Engine) -> None:
    found = run(images, "sh", "-c", "command -v gcc meson ninja python3; ls -d /source /build")
    assert found.stdout == ""


def run(engine: Engine, *argv: str) -> subprocess.CompletedProcess:
    return engine.podman("run", "--rm", "--network", "none", "--read-only", IMAGE, *argv,
                         check=False)
