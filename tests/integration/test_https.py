# SPDX-License-Identifier: Apache-2.0
"""The command `holdfast` over https: whom it trusts, and what it says where it does not."""
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from rig.clock import Clock
from rig.stack import Stack
from rig.tls import TlsFront, make_certificates


@pytest.fixture(name="authority")
def _authority(tmp_path: Path) -> Path:
    """A folder with ca.pem, and a certificate under it for the loopback address."""
    make_certificates(tmp_path, "IP:127.0.0.1")
    return tmp_path


@pytest.fixture(name="front")
def _front(authority: Path, stack: Stack) -> Iterator[TlsFront]:
    front = TlsFront(authority, stack.producer.port)
    yield front
    front.close()


def over(front: TlsFront, ca_file: Path | None = None) -> dict[str, str]:
    env = {"HOLDFAST_URL": f"https://127.0.0.1:{front.port}/"}
    return env | ({"HOLDFAST_CA_FILE": str(ca_file)} if ca_file else {})


def assert_refused(stack: Stack, env: dict[str, str], *words: str) -> None:
    """At once, whatever the time allowed, and with nothing sent."""
    done = stack.cli("send", "-t", "x", "--timeout", "600", **env)
    assert done.returncode == 1, done.stderr
    for word in (env["HOLDFAST_URL"], *words):
        assert word in done.stderr
    assert stack.count() == 0


def test_events_of_a_file(stack: Stack, front: TlsFront, authority: Path) -> None:
    path = authority / "events.ndjson"
    path.write_text("".join(json.dumps({"event_type": "t", "payload": {"n": n, "x": "x" * 300}}) + "\n"
                            for n in range(5000)))
    done = stack.cli("send", str(path), "--json", **over(front, authority / "ca.pem"))
    assert done.returncode == 0 and json.loads(done.stdout)["accepted"] == 5000, done.stderr
    stack.wait_count(5000)


def test_the_doctor_goes_the_same_way(stack: Stack, front: TlsFront, authority: Path) -> None:
    done = stack.cli("doctor", **over(front, authority / "ca.pem"))
    assert done.returncode == 0, done.stdout
    assert f"https://127.0.0.1:{front.port}/ is healthy" in done.stdout


def test_a_certificate_of_another_authority(stack: Stack, front: TlsFront, authority: Path) -> None:
    (other := authority / "other").mkdir()
    make_certificates(other, "IP:127.0.0.1")
    assert_refused(stack, over(front, other / "ca.pem"),
                   "certificate problem", "name the file of its authority in HOLDFAST_CA_FILE")


def test_an_authority_the_system_does_not_know(stack: Stack, front: TlsFront) -> None:
    assert_refused(stack, over(front), "certificate problem",
                   "name the file of its authority in HOLDFAST_CA_FILE")


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_without_an_authority(stack: Stack, front: TlsFront, authority: Path,
                                     text: str | None) -> None:
    path = authority / "nothing.pem"
    if text is not None:
        path.write_text(text)
    assert_refused(stack, over(front, path), str(path),
                   "HOLDFAST_CA_FILE must name a file of certificates in PEM")


def test_a_certificate_for_another_name(stack: Stack, tmp_path: Path) -> None:
    make_certificates(tmp_path, "DNS:elsewhere.example")
    front = TlsFront(tmp_path, stack.producer.port)
    try:
        assert_refused(stack, over(front, tmp_path / "ca.pem"), "127.0.0.1",
                       "use a name that the server's certificate is for")
    finally:
        front.close()


def test_a_certificate_of_the_past(stack: Stack, front: TlsFront, authority: Path) -> None:
    own = Clock(authority / "own")
    own.set("+400d")
    assert_refused(stack, over(front, authority / "ca.pem") | own.env, "certificate has expired",
                   "the server needs a new certificate, or a clock is wrong")


def test_the_doctor_says_how_to_mend_it(stack: Stack, front: TlsFront) -> None:
    done = stack.cli("doctor", "--json", "--no-send", **over(front))
    producer = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "producer")
    assert producer["state"] == "failed" and "certificate problem" in producer["detail"]
    assert "HOLDFAST_CA_FILE" in producer["mend"]


def test_a_server_that_does_not_speak_it(stack: Stack) -> None:
    url = f"https://127.0.0.1:{stack.producer.port}"
    done = stack.cli("send", "-t", "x", "--timeout", "0.5", HOLDFAST_URL=url)
    assert done.returncode == 5 and "does the server speak https there?" in done.stderr


def test_a_redirect_is_told_and_not_followed(stack: Stack) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(301)
            self.send_header("Location", stack.url + self.path)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = stack.cli("send", "-t", "x", HOLDFAST_URL=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert done.returncode == 1 and f"answers 301: {stack.url}/log" in done.stderr
    assert stack.count() == 0
