# SPDX-License-Identifier: Apache-2.0
"""`holdfast send`: what is sent is stored once, what is refused is told by its line."""
import itertools
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from typing import IO

from rig.stack import Stack, base_env, program
from rig.wait import wait_for


def write_lines(path: Path, lines: list[object]) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_one_event_from_options(stack: Stack) -> None:
    done = stack.cli("send", "-t", "deploy_started", "-s", "warning", "-p", "version=1.4.2", "-p",
                     "nodes=3", "-p", 'o={"a":[1.50]}', "--tag", "blue", "--tag", "b,c", "--session",
                     "5", "--success", "true", "--duration", "12.5", "--title", 'a "title"',
                     "--correlation", "c-1")
    assert done.returncode == 0, done.stderr
    row = stack.event(done.stdout.strip())
    assert (row["event_type"], row["severity"], row["tags"]) == ("deploy_started", "warning", ["blue", "b,c"])
    assert row["payload"] == {"version": "1.4.2", "nodes": 3, "o": {"a": [1.5]}}
    assert (row["session_id"], row["success"], row["duration_ms"]) == (5, True, 12.5)
    assert (row["title"], row["correlation_id"]) == ('a "title"', "c-1")


def test_the_same_id_twice_is_one_row(stack: Stack) -> None:
    for _ in range(2):
        done = stack.cli("send", "-t", "x", "--id", "mine-1")
        assert done.returncode == 0 and done.stdout == "mine-1\n"
    stack.cli("send", "-t", "x", "--id", "mine-2")
    stack.event("mine-2")
    stack.wait_drained()
    assert stack.count() == 2


def test_a_file_sent_twice_is_stored_once(stack: Stack, tmp_path: Path) -> None:
    lines: list[object] = [{"event_type": f"t{n % 7}", "payload": {"n": n}} for n in range(3000)]
    lines[10] = lines[11]
    path = write_lines(tmp_path / "events.ndjson", [*lines, "", " "])
    for _ in range(2):
        done = stack.cli("send", "-f", str(path), "--batch", "70", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["accepted"] == 3000
    stack.wait_drained()
    assert stack.count() == 3000
    found = stack.database.rows("SELECT (payload->>'n')::int AS n FROM log_events ORDER BY 1")
    expected = sorted(line["payload"]["n"] for line in lines)  # type: ignore[index]
    assert [r["n"] for r in found] == expected


def test_equal_lines_under_another_input_name_are_other_events(stack: Stack) -> None:
    for name in ("a", "b", "a"):
        done = stack.cli("send", "-", "--input-name", name, text='{"event_type":"x"}\n' * 3)
        assert done.returncode == 0, done.stderr
    stack.wait_drained()
    assert stack.count() == 6


def test_faulty_lines_are_told_by_number_and_the_others_stored(stack: Stack, tmp_path: Path) -> None:
    lines: list[object] = [{"event_type": "t", "payload": {"n": n}} for n in range(1, 1001)]
    lines[4] = {"payload": {}}
    lines[499] = "{broken"
    lines[500] = ""
    lines[998] = {"event_type": "t", "severity": "loud"}
    lines[999] = {"event_type": "t", "description": "x" * 2_000_000}
    path = write_lines(tmp_path / "events.ndjson", lines)
    done = stack.cli("send", str(path))
    assert done.returncode == 6
    told = [int(line.split("line ")[1].split(":")[0]) for line in done.stderr.splitlines()
            if line.startswith("holdfast: line ")]
    assert sorted(told) == [5, 500, 999, 1000], done.stderr
    assert "/event_type" in done.stderr and "/severity" in done.stderr
    assert "995 events accepted" in done.stderr and "4 refused" in done.stderr
    stack.wait_drained()
    assert stack.count() == 995


def test_a_producer_that_takes_less_in_one_request(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """It refuses a body by its length, while most of it is still to come."""
    stack = make_stack(producer_env={"MAX_BODY_BYTES": "100000"})
    lines: list[object] = [{"event_type": "t", "description": "x" * 9000} for _ in range(900)]
    done = stack.cli("send", str(write_lines(tmp_path / "events.ndjson", lines)), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["accepted"] == 900, done.stderr
    stack.wait_count(900)


def sending(stack: Stack, *args: str, **popen) -> subprocess.Popen:
    settings = {**stack.broker.env(), **stack.database.admin_env(), "HOLDFAST_URL": stack.url}
    return subprocess.Popen([program("holdfast"), "send", *args], env=base_env(**settings), **popen)


def test_an_interrupted_file_goes_on_where_it_was(stack: Stack, tmp_path: Path) -> None:
    """Its first part comes through a pipe of the same name, whose end is held back."""
    lines: list[object] = [{"event_type": "t", "payload": {"n": n}} for n in range(2000)]
    path = tmp_path / "events.ndjson"
    os.mkfifo(path)
    with sending(stack, str(path), "--batch", "20", stderr=subprocess.DEVNULL) as interrupted:
        with open(path, "w", encoding="utf-8") as pipe:
            pipe.writelines(json.dumps(line) + "\n" for line in lines[:1010])
            pipe.flush()
            stack.wait_count(1010)
            interrupted.terminate() # a shell's background job would ignore SIGINT
            assert interrupted.wait(30) == -signal.SIGTERM
    path.unlink()
    done = stack.cli("send", str(write_lines(path, lines)))
    assert done.returncode == 0, done.stderr
    stack.wait_drained()
    assert stack.count() == 2000


def test_it_waits_out_a_producer_that_restarts(stack: Stack) -> None:
    """It has more to send for as long as producers are killed."""
    over = threading.Event()

    def feed(pipe: IO[bytes]) -> int:
        for n in itertools.count():
            if over.is_set():
                pipe.close()
                return n
            pipe.write(b'{"event_type": "t", "payload": {"n": %d}}\n' % n)
        raise AssertionError("counting has no end")

    with ThreadPoolExecutor(1) as pool, sending(stack, "-", "--batch", "20", "--json",
                                                stdin=PIPE, stdout=PIPE) as patient:
        fed = pool.submit(feed, patient.stdin)
        try:
            for stored in (200, 2000):
                wait_for("some of it stored", lambda n=stored: stack.count() > n)
                stack.producer.kill9()
                stack.producer.start()
        finally:
            over.set()
        out = patient.stdout.read()
    assert patient.returncode == 0 and json.loads(out)["accepted"] == fed.result()
    stack.wait_drained()
    assert stack.count() == fed.result()


def test_a_slow_pipe_is_not_held_up(stack: Stack) -> None:
    with sending(stack, "-", stdin=PIPE, stderr=subprocess.DEVNULL) as slow:
        for n in (1, 2, 3):
            slow.stdin.write(b'{"event_type":"x"}\n')
            slow.stdin.flush()
            stack.wait_count(n)
        slow.stdin.close()
        assert slow.wait(30) == 0


def test_nobody_there_is_exit_5(stack: Stack) -> None:
    done = stack.cli("send", "-t", "x", "--timeout", "0.5", HOLDFAST_URL="http://127.0.0.1:1")
    assert done.returncode == 5 and "refused" in done.stderr


def test_wrong_usage_is_exit_2(stack: Stack) -> None:
    for args in (["send", "-p", "a=1"], ["send", "-t", "x", "-f", "y"], ["send", "--bogus"],
                 ["send", "-t", "x", "--url", "ftp://x"], ["snd"], []):
        assert stack.cli(*args).returncode == 2, args
    assert stack.cli("send", "-t", "x", HOLDFAST_URL="nonsense").returncode == 78
    helped = stack.cli("send", "--help")
    assert helped.returncode == 0 and "holdfast send -f events.ndjson" in helped.stdout
    assert stack.cli("--version").stdout.startswith("holdfast ")
