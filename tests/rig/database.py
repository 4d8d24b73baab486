# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL cluster with data checksums, and databases copied from a template.

The postmaster is a plain child process, run as user postgres when the tests run as root.
"""
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from rig.process import Process, clean_environment, descendants
from rig.wait import free_port, wait_for


def bin_folder() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    assert found, "PostgreSQL is not installed"
    return found[-1]


SUPERUSER = "rig_admin"


class Cluster:
    def __init__(self, folder: Path, settings: dict[str, str] | None = None):
        self.folder = folder
        self.data = folder / "data"
        self.host, self.port = "127.0.0.1", free_port()
        self.password = f"pg'@:/%\\#{secrets.token_hex(6)}"
        folder.mkdir(parents=True, exist_ok=True)
        self._as_user: dict = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._env = clean_environment(LC_ALL="C.UTF-8", HOME=str(folder))
        self._init(settings or {})
        self._server = Process("postgres", [str(bin_folder() / "postgres"), "-D", str(self.data)],
                               self._env, folder / "postgres.out", cwd=folder, **self._as_user)

    def _init(self, settings: dict[str, str]) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        os.chmod(secret, 0o644)
        subprocess.run([str(bin_folder() / "initdb"), "-D", str(self.data), "-U", SUPERUSER,
                        "-A", "scram-sha-256", "--pwfile", str(secret), "--data-checksums",
                        "--encoding", "UTF8", "--locale", "C.UTF-8"],
                       env=self._env, cwd=self.folder, check=True, capture_output=True,
                       **self._as_user)
        lines = {"listen_addresses": "127.0.0.1", "port": str(self.port),
                 "unix_socket_directories": str(self.folder), "max_connections": "60",
                 "shared_buffers": "128MB", "max_wal_size": "2GB",
                 "log_destination": "stderr,jsonlog", "logging_collector": "on",
                 "log_directory": "log", "log_filename": "server", "log_rotation_age": "0",
                 "log_rotation_size": "0", **settings}
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            for name, value in lines.items():
                f.write(f"{name} = '{value}'\n")

    @property
    def pid(self) -> int:
        return self._server.pid

    def start(self) -> None:
        self._server.start()
        wait_for("PostgreSQL accepting connections", self._is_ready, 60, 0.05)

    def _is_ready(self) -> bool:
        assert self._server.is_running(), f"PostgreSQL ended:\n{self._server.log_tail()}"
        try:
            self.connect("postgres").close()
            return True
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, nothing is lost."""
        if self._server.is_running():
            self._server.signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self.kill9()

    def kill9(self) -> None:
        """Postmaster and backends, as a power cut would end them."""
        self._server.kill9()

    def restart(self) -> None:
        self.stop()
        self.start()

    def is_running(self) -> bool:
        return self._server.is_running()

    def family(self) -> list[int]:
        return self._server.family()

    def signal_all(self, number: int) -> None:
        for pid in [self.pid] + descendants(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def connect(self, database: str, **more) -> psycopg.Connection:
        options = {"user": SUPERUSER, "password": self.password, "connect_timeout": 5,
                   "autocommit": True, "row_factory": dict_row, **more}
        return psycopg.connect(host=self.host, port=self.port, dbname=database, **options)

    def create_database(self, name: str, template: str = "template1") -> "Database":
        with self.connect("postgres") as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return Database(self, name)

    def log_json(self) -> Path:
        return self.data / "log" / "server.json"

    def log_tail(self, lines: int = 40) -> str:
        path = self.data / "log" / "server"
        text = path.read_text(errors="replace") if path.exists() else ""
        return self._server.log_tail() + "\n" + "\n".join(text.splitlines()[-lines:])


@dataclass
class Database:
    """One database of the cluster: what one test sees."""
    server: Cluster
    name: str
    user: str = SUPERUSER
    password: str = ""

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    def env(self, port: int | None = None) -> dict[str, str]:
        """What the consumer and the command line need."""
        return {"DATABASE_HOST": self.host, "DATABASE_PORT": str(port or self.port),
                "DATABASE_NAME": self.name, "DATABASE_USER": self.user,
                "DATABASE_PASSWORD": self.password or self.server.password,
                "DATABASE_SSLMODE": "disable"}

    def admin_env(self) -> dict[str, str]:
        """The same for somebody who may change the schema."""
        return {**self.env(), "DATABASE_USER": SUPERUSER,
                "DATABASE_PASSWORD": self.server.password}

    def connect(self, **more) -> psycopg.Connection:
        """A session of the superuser, autocommit, rows as dicts."""
        return self.server.connect(self.name, **more)

    def rows(self, query: str, parameters: tuple = ()) -> list[dict]:
        with self.connect() as session:
            return session.execute(query, parameters).fetchall()

    def value(self, query: str, parameters: tuple = ()) -> object:
        row = self.rows(query, parameters)[0]
        return next(iter(row.values()))

    def kill9(self) -> None:
        self.server.kill9()

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def restart(self) -> None:
        self.server.restart()

    def drop(self) -> None:
        with self.server.connect("postgres") as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
