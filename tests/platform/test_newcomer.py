# SPDX-License-Identifier: Apache-2.0
"""The newcomer's clone is the source as it is now, and nothing of what it was before."""
from pathlib import Path

from newcomer import SOURCE, clone


def test_a_clone_that_goes_on_keeps_what_is_built_and_no_test_that_is_gone(tmp_path: Path) -> None:
    target = tmp_path / "clone"
    revision = clone(target)
    built, gone = target / "build-gcc/left", target / "tests/new/test_gone.py"
    for path in (built, gone):
        path.parent.mkdir(parents=True)
        path.touch()
    (target / "README.md").unlink()
    assert clone(target) == revision
    assert built.exists() and not gone.parent.exists()
    assert (target / "README.md").read_text() == (SOURCE / "README.md").read_text()
