# SPDX-License-Identifier: Apache-2.0
"""A table that holds many events already, as a year of them would have left it: ids in the order of
their time, every index filled, half a year of months."""
import secrets
import threading

from rig.database import Database
from rig.servers import Servers

SESSIONS = 2
MONTHS = 5  # before this one

INSERT = """
INSERT INTO log_events (id, received_at, event_id, event_type, severity, occurred_at, session_id,
                        correlation_id, workflow_id, bom_id, job_id, routing_key, priority, payload,
                        state, metadata, batch_id, position)
SELECT v.id, v.at, v.id::text, 'llm_query_sent', 'info', v.at, 1 + random() * 1000000,
       CASE v.n %% 5 WHEN 0 THEN v.id::text END, CASE v.n %% 5 WHEN 1 THEN 'wf-' || v.n END,
       CASE v.n %% 5 WHEN 1 THEN gen_random_uuid()::text END,
       CASE v.n %% 5 WHEN 2 THEN gen_random_uuid()::text END, 'events.llm_query_sent', 5,
       '{"code_language":"python","file_count":3,"user_agent":"VSCode/1.74.0","pad":"%(pad)s"}',
       '{}', '{}', v.id, 0
FROM (SELECT n, t.at, (lpad(to_hex((extract(epoch FROM t.at) * 1000)::bigint), 12, '0') || '7'
                       || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
      FROM generate_series(%(first)s, %(last)s) AS n,
           LATERAL (SELECT now() - (%(rows)s - n) * %(step)s * interval '1 second' AS at) AS t) AS v
"""


def prefilled(servers: Servers, rows: int) -> Database:
    """Takes minutes for millions; vacuumed and analysed, so that no vacuum falls into a load."""
    database = servers.create_database(f"many_{secrets.token_hex(3)}")
    with database.connect() as session:
        session.execute("SELECT ensure_partitions(now() - make_interval(months => %s), now())", (MONTHS,))
    share = rows // SESSIONS
    threads = [threading.Thread(target=_insert, args=(database, rows, i * share + 1, (i + 1) * share))
               for i in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect() as session:
        session.execute("VACUUM (ANALYZE) log_events")
        found = session.execute("SELECT count(*) AS n FROM log_events").fetchone()["n"]
    assert found == share * SESSIONS, f"{found} rows of {rows} are there"
    return database


def _insert(database: Database, rows: int, first: int, last: int) -> None:
    with database.connect() as session:
        session.execute("SET synchronous_commit = off")
        session.execute(INSERT % {"pad": "p" * 150, "first": first, "last": last, "rows": rows,
                                "step": MONTHS * 30 * 86400 / rows})
