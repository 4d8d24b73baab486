# SPDX-License-Identifier: Apache-2.0
"""A minimal Debian of any release, with what was mended since, as an archive.

It is made with debootstrap from where this machine has its own packages from, or from
HOLDFAST_DEBIAN_MIRROR, and kept in the system's cache for a week.
"""
import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

KEPT_S = 7 * 86400
MIRROR = "http://deb.debian.org/debian"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
UPGRADE = """
apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy upgrade && apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
"""


class CannotMake(Exception):
    """No Debian can be made here; the text says why."""


def cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "holdfast-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unmount_below(folder: Path) -> None:
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (mount := line.split()[1]).startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", mount], check=False)


def own_release() -> str:
    told = subprocess.run(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"],
                          capture_output=True, text=True, check=True)
    return told.stdout.strip()


def sources(release: str) -> list[str]:
    """This machine's own sources of Debian as lines of a sources.list, of that release."""
    if mirror := os.environ.get("HOLDFAST_DEBIAN_MIRROR"):
        return [f"deb {mirror} {release} main"]
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=False).stdout.splitlines()
    own = own_release()
    words = [line.removeprefix("Debian|").split() for line in listed if line.startswith("Debian|")]
    return [" ".join([deb, uri, suite.replace(own, release, 1), component])
            for deb, uri, suite, component in words if suite.partition("-")[0] == own] or \
        [f"deb {MIRROR} {release} main"]


def settings_of_apt() -> list[str]:
    """Proxies and the like, which whatever installs packages inside needs as well."""
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
        raise CannotMake(f"no Debian can be made: {error}") from None
    if done.returncode != 0:
        end = (done.stdout + done.stderr).strip().splitlines()[-3:]
        raise CannotMake(f"no Debian can be made: {argv[0]}: {' / '.join(end)}")


def make(release: str, archive: Path) -> None:
    from_lines = sources(release)
    uri = next((line.split()[1] for line in from_lines if line.split()[2] == release), MIRROR)
    # A debootstrap older than the release has no script of its name; all are one.
    script = SCRIPTS / (release if (SCRIPTS / release).exists() else "sid")
    root = Path(tempfile.mkdtemp(prefix=f"holdfast-{release}-", dir="/var/tmp"))
    root.chmod(0o755)  # it becomes "/"
    try:
        run(["debootstrap", "--variant=minbase", release, str(root), uri, str(script)], 300)
        (root / "etc/apt/sources.list").write_text("\n".join(from_lines) + "\n")
        (root / "etc/apt/apt.conf.d/90host").write_text("\n".join(settings_of_apt()) + "\n")
        (root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
        run(["chroot", str(root), "sh", "-ec", UPGRADE], 200)
        run(["tar", "-C", str(root), "--one-file-system", "-cf", f"{archive}.new", "."], 60)
        os.replace(f"{archive}.new", archive)
    finally:
        unmount_below(root)
        shutil.rmtree(root, ignore_errors=True)


def archive_of(release: str) -> Path:
    """Made once, whoever asks first; the others wait."""
    archive = cache() / f"debian-{release}.tar"
    with open(f"{archive}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists() or time.time() - archive.stat().st_mtime > KEPT_S:
            make(release, archive)
    return archive
