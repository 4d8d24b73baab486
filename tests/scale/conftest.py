# SPDX-License-Identifier: Apache-2.0
"""Many processes at once. The sizes are short ones unless HOLDFAST_SCALE=full, which is what
tests/scale/campaign sets; the figures a test notes are shown at the end of the run."""
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The journal, its checker and the clients are those of the fault tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fault"))

FIGURES: list[str] = []


def is_full() -> bool:
    return os.environ.get("HOLDFAST_SCALE") == "full"


@pytest.fixture
def full() -> bool:
    return is_full()


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1_000_000)))


@pytest.fixture
def figure() -> Callable[[str], None]:
    return FIGURES.append


def pytest_terminal_summary(terminalreporter) -> None:
    if FIGURES:
        terminalreporter.section("figures")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def brokers(rig_folder: Path) -> Iterator["Brokers"]:
    from rig.brokers import Brokers
    cluster = Brokers(rig_folder / "brokers")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
