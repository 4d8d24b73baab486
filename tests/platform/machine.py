# SPDX-License-Identifier: Apache-2.0
"""A fresh machine: the root of a Debian release with processes, mounts, and a name of its own.

Its first process waits for our end of a pipe. When that is closed, or we are killed, it ends, and
with it the kernel ends everything else in there: no process and no mount can be left behind. The
network is this machine's.
"""
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.debian import archive_of

HOSTS = """127.0.0.1 localhost
127.0.1.1 newcomer
::1 localhost ip6-localhost ip6-loopback
"""
# $1 is the root. The shell's pid is read before /proc is another.
BOOT = """
read -r pid _ < /proc/self/stat
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs shm "$1/dev/shm"
hostname newcomer
echo "$pid"
exec chroot "$1" /bin/bash -c 'while read -r; do :; done'
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROXIES = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
TRUSTED = Path("/usr/local/share/ca-certificates")


def unpack(release: str, root: Path) -> None:
    """As an installation leaves it, but that packages start no services: there is no init. Whom
    this machine trusts beside Debian's own authorities the new one does too."""
    archive = archive_of(release)
    root.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(root), "-xf", str(archive)], check=True)
    (root / "etc/hosts").write_text(HOSTS)
    (root / "etc/hostname").write_text("newcomer\n")
    (root / "etc/resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
    if TRUSTED.is_dir():
        shutil.copytree(TRUSTED, root / str(TRUSTED).lstrip("/"), dirs_exist_ok=True)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


class Machine:
    def __init__(self, root: Path, environment: dict[str, str]):
        self.root = root
        self._env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", **PROXIES,
                     **environment}
        self._init: subprocess.Popen | None = None
        self._pid = 0

    def start(self) -> None:
        self._init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
             "sh", "-ec", BOOT, "sh", str(self.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self._init.stdout is not None
        self._pid = int(self._init.stdout.readline() or 0)
        assert self._pid, f"{self.root} does not start"

    def stop(self) -> None:
        if self._init is None:
            return
        assert self._init.stdin is not None
        self._init.stdin.close()
        try:
            self._init.wait(10)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait()
        self._init = None

    def shell(self, command: str, log: Path, seconds: int) -> int:
        """The status; 124 when it did not end in time, and then everything else has ended too."""
        with open(log, "ab") as out:
            out.write(f"$ {command}\n".encode())
            out.flush()
            tool = subprocess.Popen(
                ["nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-r", "-w",
                 "/bin/bash", "-c", command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._env,
                start_new_session=True)
            try:
                return tool.wait(seconds)
            except subprocess.TimeoutExpired:
                out.write(f"\nnot finished within {seconds} s\n".encode())
                self.stop()
                self.start()
                return 124
            finally:
                if tool.poll() is None:
                    os.killpg(tool.pid, signal.SIGKILL)
                    tool.wait()


@contextmanager
def running(root: Path, environment: dict[str, str]) -> Iterator[Machine]:
    machine = Machine(root, environment)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
