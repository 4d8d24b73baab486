# SPDX-License-Identifier: Apache-2.0
"""A broker and a cluster with a migrated template, for commands that are no pytest run."""
from rig.broker import Broker, folder_for_servers
from rig.database import Cluster, Database, remove_folder
from rig.process import end_on_sigterm, run
from rig.stack import base_env, program

TEMPLATE, WRITER = "rig_template", "rig_writer"


def migrate_template(cluster: Cluster) -> str:
    """A migrated database to copy, and a login with no more rights than a consumer needs."""
    base = cluster.create_database(TEMPLATE)
    done = run([program("holdfast"), "migrate"], base_env(**base.admin_env()))
    assert done.returncode == 0, f"holdfast migrate: {done.stdout}{done.stderr}"
    with cluster.connect("postgres") as admin:
        password = cluster.password.replace("'", "''")
        admin.execute(f"CREATE ROLE {WRITER} LOGIN PASSWORD '{password}' IN ROLE holdfast_writer")
    return TEMPLATE


class Servers:
    def __init__(self, settings: dict[str, str] | None = None):
        self.folder = folder_for_servers()
        self.broker = Broker(self.folder / "rabbitmq")
        self.cluster = Cluster(self.folder / "postgres", settings)

    def __enter__(self) -> "Servers":
        end_on_sigterm()
        try:
            self.broker.start()
            self.cluster.start()
            migrate_template(self.cluster)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_database(self, name: str) -> Database:
        database = self.cluster.create_database(name, TEMPLATE)
        database.user = WRITER
        return database

    def close(self) -> None:
        self.broker.close()
        self.cluster.kill9()
        remove_folder(self.folder)
