# SPDX-License-Identifier: Apache-2.0
"""Log shippers with the settings of docs/guide.md, as those are written there."""
import re
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from rig.process import Process, clean_environment
from rig.stack import SOURCE, Stack
from rig.wait import wait_for

GUIDE = (SOURCE / "docs" / "guide.md").read_text()


class Forgetful:
    """Between a shipper and the producer: the first answers get lost, the requests do not."""

    def __init__(self, url: str, lost: int):
        self.answers: list[int] = []
        forgetful = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = httpx.post(url + self.path, content=body, timeout=30,
                                    headers={"Content-Type": self.headers["Content-Type"]})
                forgetful.answers.append(answer.status_code)
                if len(forgetful.answers) <= lost:
                    self.close_connection = True
                    return
                self.send_response(answer.status_code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def forgetful(stack: Stack) -> Iterator[Forgetful]:
    between = Forgetful(stack.url, lost=2)
    yield between
    between.server.shutdown()


def syslog_ng(folder: Path, url: str) -> Process:
    block = re.search(r"```syslog-ng\n(.*?)```", GUIDE, re.DOTALL).group(1)
    assert "http://localhost:8001" in block
    (folder / "syslog-ng.conf").write_text(f"""@version: 3.35
options {{ use-uniqid(yes); stats-freq(0); }};
source s_file {{ file("{folder}/lines" follow-freq(0.1) flags(syslog-protocol)); }};
{block.replace("http://localhost:8001", url).replace("retries(", "time-reopen(1) retries(")}
log {{ source(s_file); destination(d_holdfast); }};
""")
    argv = ["/usr/sbin/syslog-ng", "--foreground", "--no-caps", f"--cfgfile={folder}/syslog-ng.conf",
            f"--persist-file={folder}/persist", f"--control={folder}/control", f"--pidfile={folder}/pid"]
    return Process("syslog-ng", argv, clean_environment(), folder / "syslog-ng.log")


def test_syslog_ng_loses_answers_and_no_line_comes_twice(stack: Stack, forgetful: Forgetful,
                                                         tmp_path: Path) -> None:
    mark = secrets.token_hex(4)
    levels = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
    (tmp_path / "lines").write_text("".join(
        f"<{8 + number}>1 2026-05-06T07:08:09.123+02:00 host app 77 - - {mark} {level}\n"
        for number, level in enumerate(levels)))
    shipper = syslog_ng(tmp_path, forgetful.url)
    shipper.start()
    try:
        wait_for("an answer that is not lost", lambda: len(forgetful.answers) > 2, 60)
    finally:
        shipper.stop()
    assert set(forgetful.answers) <= {202, 207}, forgetful.answers
    stack.wait_drained()
    stack.wait_count(len(levels), "description LIKE %s", (f"{mark} %",))
    with stack.database.connect() as session:
        rows = session.execute("SELECT description, severity::text, service, occurred_at::text AS at FROM "
                               "log_events WHERE description LIKE %s", (f"{mark} %",)).fetchall()
    told = {row["description"].split()[1]: row["severity"] for row in rows}
    assert told == {"emerg": "critical", "alert": "critical", "crit": "critical", "err": "error",
                    "warning": "warning", "notice": "info", "info": "info", "debug": "debug"}
    assert {row["service"] for row in rows} == {"app"}
