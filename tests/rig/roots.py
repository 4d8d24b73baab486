# SPDX-License-Identifier: Apache-2.0
"""Servers of another Debian: what runs in its root finds the rig's folder where it is outside."""
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sharing(folder: Path, roots: Iterable[Path]) -> Iterator[None]:
    """The folder, /dev and /proc seen at the same place in each root, as long as it lasts."""
    mounted: list[Path] = []
    try:
        for root in roots:
            for source in (folder, Path("/dev"), Path("/proc")):
                target = root / source.relative_to("/")
                target.mkdir(parents=True, exist_ok=True)
                if not os.path.ismount(target):
                    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)
                    mounted.append(target)
        yield
    finally:
        for target in reversed(mounted):
            subprocess.run(["umount", "-l", str(target)], check=False)
