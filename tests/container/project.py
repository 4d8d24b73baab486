# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml under a name of its own, run by docker-compose or by podman-compose.

docker-compose (1.29) waits for conditions and scales; without systemd nobody asks for a
container's health, so `tended` does. podman-compose ignores all conditions.
"""
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import Engine
from rig.wait import free_port, wait_for

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
COMPOSE = SOURCE / "deploy/compose.yaml"


class Project:
    def __init__(self, engine: Engine, name: str, secrets: Path):
        self.engine, self.name, self.port = engine, name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**engine.env, "HOLDFAST_SECRETS": str(secrets),
                    "PRODUCER_PORT": str(self.port), "COMPOSE_PROJECT_NAME": name}
        subprocess.run([str(SOURCE / "deploy/secrets")], env=self.env, check=True)

    def compose(self, tool: str, *args: str, seconds: float = 120, **env: str) -> str:
        done = subprocess.run([tool, "-p", self.name, "-f", str(COMPOSE), *args],
                              env={**self.env, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, check=False)
        assert done.returncode == 0, f"{tool} {' '.join(args)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def containers(self, service: str = "", every: bool = False) -> list[dict]:
        listed = json.loads(self.engine.podman(
            "ps", "--format", "json", *(["-a"] if every else []),
            "--filter", f"label=com.docker.compose.project={self.name}").stdout)
        return [c for c in listed
                if service in ("", c["Labels"]["com.docker.compose.service"])]

    def names(self, service: str) -> list[str]:
        return sorted(c["Names"][0] for c in self.containers(service))

    def run_in(self, service: str, *argv: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.engine.podman("exec", self.names(service)[0], *argv, check=check)

    def health(self, name: str) -> bool:
        return self.engine.podman("healthcheck", "run", name, check=False).returncode == 0

    @contextmanager
    def tended(self) -> Iterator[None]:
        """Asks the database for its health, whom `migrate` waits for."""
        over = threading.Event()

        def tend() -> None:
            while not over.wait(0.5):
                for name in self.names("postgres"):
                    self.health(name)
        thread = threading.Thread(target=tend)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def post(self, body: bytes, content_type: str = "application/json") -> int:
        """The status; 0 when nobody answers."""
        request = urllib.request.Request(f"{self.url}/log", body, {"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def sql(self, query: str) -> list[str]:
        done = self.run_in("postgres", "psql", "-XAtq", "-c", query, check=False)
        return done.stdout.split() if done.returncode == 0 else []

    def wait_until_stored(self, event_id: str, seconds: float = 40) -> None:
        wait_for(f"the row of {event_id}", lambda: self.sql(
            f"SELECT count(*) FROM log_events WHERE event_id = '{event_id}'") == ["1"], seconds, 0.3)

    def wait_until_accepted(self, event_id: str, seconds: float = 60) -> None:
        body = json.dumps({"event_type": "order", "event_id": event_id}).encode()
        wait_for(f"202 for {event_id}", lambda: self.post(body) == 202, seconds, 0.3)

    def logs(self) -> str:
        def tail(name: str) -> str:
            told = self.engine.podman("logs", "--tail", "25", name, check=False)
            return told.stdout + told.stderr
        return "\n".join(f"--- {c['Names'][0]} {c['State']}\n{tail(c['Names'][0])}"
                         for c in self.containers(every=True))

    def remove(self) -> None:
        ids = [c["Id"] for c in self.containers(every=True)]
        self.engine.podman("rm", "-f", "-v", "-t", "0", *ids, check=False)
        for kind in ("network", "volume"):
            self.engine.podman(kind, "prune", "-f", check=False)
