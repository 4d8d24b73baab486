# SPDX-License-Identifier: Apache-2.0
"""The main job on what deploy/up started, in the environment of deploy/env: events are sent all the
time, each process in turn is killed as by a power cut and brought back by deploy/up, and in the end
every event is one row.

A sender repeats each event under its id until it is accepted, so nothing may be lost and nothing
may be twice. Needs Python alone, for that is all a newcomer has.
"""
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests"))
# pylint: disable=wrong-import-position
from rig.process import descendants, is_alive  # noqa: E402
from rig.wait import wait_for  # noqa: E402

SENDERS = 4
PATIENCE_S = 60  # until the last event is stored
BETWEEN = 300  # events accepted before each kill and after the last
KILLED = ("producer", "consumer", "rabbitmq", "postgresql")
STATE = Path(os.environ.get("HOLDFAST_STATE", "/var/lib/holdfast"))


class Load:
    def __init__(self, url: str):
        self.address = urlsplit(url).netloc
        self.accepted: list[str] = []
        self.repeated = 0
        self.faults: list[str] = []
        self._stopped = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run) for _ in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_more(self, events: int) -> None:
        target = len(self.accepted) + events
        wait_for(f"{events} events more accepted", lambda: len(self.accepted) >= target, 90)

    def _run(self) -> None:
        try:
            self._send()
        except AssertionError as fault:
            self.faults.append(str(fault))

    def _send(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=15)
        while not self._stopped.is_set():
            event_id = f"platform-{os.getpid()}-{next(self._numbers)}"
            body = json.dumps({"event_type": "platform.job", "event_id": event_id,
                               "payload": {"text": "é" * 50}})
            deadline = time.monotonic() + 120
            while not self._is_accepted(connection, body):
                assert time.monotonic() < deadline, f"{event_id} was not accepted within 120 s"
                self.repeated += 1
                time.sleep(0.05)
            self.accepted.append(event_id)

    def _is_accepted(self, connection: http.client.HTTPConnection, body: str) -> bool:
        try:
            connection.request("POST", "/log", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        assert answer.status in (202, 503), f"{answer.status}: {text!r}"
        return answer.status == 202


def sql(query: str) -> list[str]:
    done = subprocess.run(["psql", "-XAtq", "-c", query], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr)
    return done.stdout.splitlines()


def kill(name: str) -> None:
    """The process and all it started, at once."""
    pid = int((STATE / "run" / f"{name}.pid").read_text().split()[0])
    family = [pid] + descendants(pid)
    assert is_alive(pid), f"{name} did not run"
    for member in family:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(f"{name} dead", lambda: not any(map(is_alive, family)), 10)
    print(f"killed {name}: {len(family)} processes", flush=True)


def bring_back() -> None:
    subprocess.run([str(SOURCE / "deploy/up")], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, timeout=300, check=True)


def judge(load: Load) -> bool:
    mine = f"event_id LIKE 'platform-{os.getpid()}-%'"
    expected = set(load.accepted)

    def rows() -> list[str]:
        return sql(f"SELECT event_id FROM log_events WHERE {mine}")
    try:
        wait_for("every accepted event stored", lambda: expected <= set(rows()), PATIENCE_S, 0.5)
    except AssertionError as late:
        print(late)
    stored = rows()
    lost, twice = expected - set(stored), len(stored) - len(set(stored))
    quarantined = int(sql("SELECT count(*) FROM quarantine")[0])
    print(f"{len(expected)} accepted, {load.repeated} tries repeated, {len(stored)} rows, "
          f"{len(lost)} lost, {twice} twice, {quarantined} in quarantine", *load.faults, sep="\n")
    return not (lost or twice or quarantined or load.faults)


def main() -> int:
    load = Load(os.environ["HOLDFAST_URL"])
    load.start()
    try:
        for name in KILLED:
            load.wait_more(BETWEEN)
            kill(name)
            bring_back()
        load.wait_more(BETWEEN)
    finally:
        load.stop()
    return 0 if judge(load) else 1


if __name__ == "__main__":
    sys.exit(main())
