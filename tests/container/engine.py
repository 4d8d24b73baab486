# SPDX-License-Identifier: Apache-2.0
"""podman with everything of its own: settings, storage, networks, sockets. Nothing of it is left
but the images, beside the base image in the system's cache and as long as it: what a Dockerfile
installs is unpacked once a week.

No Docker engine is needed, and none is touched. What stands between podman and a machine without
systemd, with hybrid cgroups or inside another container is set here.
"""
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.debian import unmount_below
from rig.wait import wait_for

CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=2048:2048"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
STORAGE = """
[storage]
driver = "{driver}"
graphroot = "{store}"
runroot = "{folder}/run"
"""


def rules(table: str) -> list[str]:
    """Those of podman's network driver, which leaves its chains behind when nobody uses them."""
    listed = subprocess.run(["iptables", "-t", table, "-S"], capture_output=True, text=True,
                            check=False).stdout.splitlines()
    return [line for line in listed if "NETAVARK" in line]


def remove_rules() -> None:
    for table in ("nat", "filter"):
        found = rules(table)
        removals = [line.replace("-A", "-D", 1) for line in found if line.startswith("-A")] + \
            [line.replace("-N", "-X", 1) for line in found if line.startswith("-N")]
        for line in removals:
            subprocess.run(["iptables", "-t", table, *shlex.split(line)], capture_output=True,
                           check=False)


class CannotRun(Exception):
    """No containers here; the text says why."""


class Engine:
    def __init__(self, folder: Path, store: Path):
        self.folder, self.store = folder, store
        self.env = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf"),
                    "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf")}
        self.env.pop("DOCKER_HOST", None)

    def podman(self, *args: str, seconds: float = 60, check: bool = True,
               **run) -> subprocess.CompletedProcess:
        done = subprocess.run(["podman", *args], env=self.env, capture_output=True, text=True,
                              timeout=seconds, check=False, **run)
        if check and done.returncode != 0:
            raise AssertionError(f"podman {' '.join(args)}: {done.returncode}\n{done.stdout}"
                                 f"{done.stderr}")
        return done

    def inspect(self, kind: str, name: str) -> dict:
        return json.loads(self.podman(kind, "inspect", name).stdout)[0]

    def build(self, folder: Path, dockerfile: Path, tag: str, *args: str) -> subprocess.Popen:
        """Within the bridge network the packages' server may be out of reach, hence the host's;
        without the docker format the health check would be lost."""
        return subprocess.Popen(
            ["podman", "build", "--format", "docker", "--network", "host", "-t", tag,
             "-f", str(dockerfile), *args, str(folder)],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    @contextmanager
    def service(self) -> Iterator[str]:
        """Docker's API, for docker-compose; its address."""
        address = f"unix://{self.folder}/api.sock"
        with open(self.folder / "service.log", "wb") as log:
            process = subprocess.Popen(["podman", "system", "service", "--time", "0", address],
                                       env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        try:
            wait_for("podman's service", (self.folder / "api.sock").exists, 20)
            yield address
        finally:
            process.terminate()
            process.wait(20)

    def configure(self, driver: str) -> None:
        (self.folder / "containers.conf").write_text(CONF.format(folder=self.folder))
        (self.folder / "storage.conf").write_text(STORAGE.format(
            folder=self.folder, store=self.store / driver, driver=driver))
        for name in ("tmp", "networks"):
            (self.folder / name).mkdir(exist_ok=True)

    def probe(self) -> None:
        """Runs a container that does nothing, on a network of its own, with a port published."""
        root = self.folder / "nothing"
        libraries = subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True,
                                   check=True).stdout
        for name in ["/bin/true"] + [w for w in libraries.split() if w.startswith("/")]:
            target = root / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target)
        faults = []
        for driver in ("overlay", "vfs"):
            self.configure(driver)
            try:
                self._probe_with(root)
                return
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                faults.append(f"{driver}: {str(error).strip().splitlines()[-1]}")
                self.remove_all()
        raise CannotRun("; ".join(faults))

    def _probe_with(self, root: Path) -> None:
        tar = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True)
        (self.folder / "nothing.tar").write_bytes(tar.stdout)
        self.podman("import", str(self.folder / "nothing.tar"), "localhost/nothing")
        self.podman("network", "create", "probe")
        self.podman("run", "--rm", "--network", "probe", "-p", "127.0.0.1::80", "localhost/nothing",
                    "/bin/true")
        self.podman("network", "rm", "probe")
        self.podman("image", "rm", "localhost/nothing")

    def end(self) -> None:
        """Nothing runs, and of the images only those with a name are left, and what they are of."""
        for args in (("rm", "-a", "-f", "-v", "-t", "0"), ("volume", "prune", "-f"),
                     ("network", "prune", "-f"), ("image", "prune", "-f")):
            self.podman(*args, check=False, seconds=120)
        for folder in (self.folder, self.store):
            unmount_below(folder)
        for name in ("run", "tmp", "networks"):
            subprocess.run(["rm", "-rf", str(self.folder / name)], check=False)

    def remove_all(self) -> None:
        self.end()
        subprocess.run(["rm", "-rf", str(self.store)], check=False)


@contextmanager
def engine(kept: Path, since: float) -> Iterator[Engine]:
    """kept: for the images, which are of no use when they are older than `since`. The rest is in
    /var/tmp: gigabytes, and /tmp may be memory."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-containers-", dir="/var/tmp"))
    others = rules("nat") + rules("filter")
    with open(kept / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Engine(folder, kept / "images")
        try:
            if made.store.exists() and made.store.stat().st_mtime < since:
                unmount_below(made.store)
                subprocess.run(["rm", "-rf", str(made.store)], check=True)
            made.store.mkdir(exist_ok=True)
            made.probe()
            yield made
        finally:
            made.end()
            if not others:
                remove_rules()
            subprocess.run(["rm", "-rf", str(folder)], check=False)
