# SPDX-License-Identifier: Apache-2.0
"""The base image, as the registry would give it: a minimal Debian 12 with what was mended since.

It is made with debootstrap from where this machine has its own packages from, and kept in the
system's cache for a week.
"""
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from engine import CannotRun, unmount_below

CODENAME = "bookworm"
KEPT_S = 7 * 86400
ARCHIVE = "http://deb.debian.org/debian"
UPGRADE = """
apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy upgrade && apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
"""


def cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "holdfast-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sources() -> list[str]:
    """This machine's own sources of Debian 12, as lines of a sources.list."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=False).stdout.splitlines()
    lines = [line.removeprefix("Debian|") for line in listed if line.startswith("Debian|")]
    return [line for line in lines if line.split()[2].startswith(CODENAME)] or \
        [f"deb {ARCHIVE} {CODENAME} main"]


def settings_of_apt() -> list[str]:
    """Proxies and the like, which the build of an image needs as well."""
    dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True,
                            check=False).stdout.splitlines()
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    return [line for line in dumped if line.startswith(wanted)]


def environment() -> dict[str, str]:
    """debootstrap does not read apt's settings."""
    told = subprocess.run(["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"],
                          capture_output=True, text=True, check=False).stdout
    return {**os.environ, **dict(word.split("=", 1) for word in shlex.split(told) if "=" in word)}


def run(argv: list[str], seconds: int) -> None:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=False, env=environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"no base image can be made: {error}") from None
    if done.returncode != 0:
        end = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise CannotRun(f"no base image can be made: {argv[0]}: {' / '.join(end)}")


def make(archive: Path) -> None:
    from_lines = sources()
    uri = next((line.split()[1] for line in from_lines if line.split()[2] == CODENAME), ARCHIVE)
    root = Path(tempfile.mkdtemp(prefix="holdfast-base-", dir="/var/tmp"))
    try:
        run(["debootstrap", "--variant=minbase", CODENAME, str(root), uri], 300)
        (root / "etc/apt/sources.list").write_text("\n".join(from_lines) + "\n")
        (root / "etc/apt/apt.conf.d/90host").write_text("\n".join(settings_of_apt()) + "\n")
        (root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
        run(["chroot", str(root), "sh", "-ec", UPGRADE], 200)
        run(["tar", "-C", str(root), "--one-file-system", "-cf", f"{archive}.new", "."], 60)
        os.replace(f"{archive}.new", archive)
    finally:
        unmount_below(root)
        shutil.rmtree(root, ignore_errors=True)


def base_archive() -> Path:
    archive = cache() / f"debian-{CODENAME}.tar"
    if not archive.exists() or time.time() - archive.stat().st_mtime > KEPT_S:
        make(archive)
    return archive
