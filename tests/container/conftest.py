# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one podman of its own for the run, the three images, and a project per test.

Where nothing can be contained all tests are skipped with the reason; once the images are being
built, every failure is ours.
"""
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import CannotRun, Engine, engine
from project import HERE, SOURCE, Project
from rig.debian import CannotMake, archive_of, cache

RELEASE = "trixie"
BASE = f"docker.io/library/debian:{RELEASE}-slim"
IMAGE = "docker.io/library/holdfast:latest"
COMPILED = "localhost/holdfast-compiled"
STANDINS = {"docker.io/library/postgres:18": "postgres", "docker.io/library/rabbitmq:4.3": "rabbitmq"}


@pytest.fixture(scope="session")
def podman() -> Iterator[Engine]:
    try:
        base = archive_of(RELEASE)
        with engine(cache(), base.stat().st_mtime) as made:
            if made.podman("image", "exists", BASE, check=False).returncode != 0:
                made.podman("import", str(base), BASE, seconds=120)
            yield made
    except (CannotMake, CannotRun) as reason:
        pytest.skip(f"no containers here: {reason}")


@pytest.fixture(scope="session")
def images(podman: Engine) -> Engine:
    """All three at once; the stand-ins spend their time unpacking, ours compiles."""
    folder = HERE / "standins"
    builds = {IMAGE: podman.build(SOURCE, SOURCE / "deploy/Dockerfile", IMAGE,
                                  "--build-arg", "REVISION=tested")}
    for tag, name in STANDINS.items():
        builds[tag] = podman.build(folder / name, folder / name / "Dockerfile", tag)
    ends = {tag: (build.communicate(timeout=600)[0], build.returncode)
            for tag, build in builds.items()}
    for tag, (text, status) in ends.items():
        assert status == 0, f"the build of {tag} failed:\n{text[-5000:]}"
    # A name for the stage that compiles, or it would not be kept.
    podman.build(SOURCE, SOURCE / "deploy/Dockerfile", COMPILED, "--target", "build",
                 "--build-arg", "REVISION=tested").communicate(timeout=120)
    return podman


@pytest.fixture
def make_project(images: Engine, tmp_path: Path) -> Iterator[Callable[[str], Project]]:
    projects: list[Project] = []

    def make(name: str) -> Project:
        projects.append(Project(images, name, tmp_path / "secrets"))
        return projects[-1]

    yield make
    for project in projects:
        project.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    make = getattr(item, "funcargs", {}).get("make_project")
    if report.when == "call" and report.failed and make:
        for project in make.__closure__[1].cell_contents:
            report.sections.append(("containers", project.logs()))
