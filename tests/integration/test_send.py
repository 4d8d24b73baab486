# SPDX-License-Identifier: Apache-2.0
"""`holdfast send`: what is sent is stored once, what is refused is told by its line."""
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

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


def test_an_interrupted_file_goes_on_where_it_was(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    stack = make_stack()
    path = write_lines(tmp_path / "events.ndjson",
                       [{"event_type": "t", "payload": {"n": n}} for n in range(20000)])
    settings = {**stack.broker.env(), **stack.database.admin_env(), "HOLDFAST_URL": stack.url}
    with subprocess.Popen([program("holdfast"), "send", str(path), "--batch", "20"],
                          env=base_env(**settings), stderr=subprocess.DEVNULL) as sending:
        wait_for("some of it stored", lambda: stack.count() > 200)
        os.kill(sending.pid, signal.SIGINT)
        assert sending.wait(10) == -signal.SIGINT
    stack.wait_drained()
    assert stack.count() < 20000
    done = stack.cli("send", str(path))
    assert done.returncode == 0, done.stderr
    stack.wait_drained()
    assert stack.count() == 20000


def test_it_waits_out_a_producer_that_restarts(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    stack = make_stack()
    path = write_lines(tmp_path / "events.ndjson",
                       [{"event_type": "t", "payload": {"n": n}} for n in range(20000)])
    settings = {**stack.broker.env(), **stack.database.admin_env(), "HOLDFAST_URL": stack.url}
    with subprocess.Popen([program("holdfast"), "send", str(path), "--batch", "20", "--json"],
                          env=base_env(**settings), stdout=subprocess.PIPE, text=True) as sending:
        for done in (200, 2000):
            wait_for("some of it stored", lambda n=done: stack.count() > n)
            stack.producer.kill9()
            stack.producer.start()
        out, _ = sending.communicate(timeout=60)
    assert sending.returncode == 0 and json.loads(out)["accepted"] == 20000
    stack.wait_drained()
    assert stack.count() == 20000


def test_a_slow_pipe_is_not_held_up(stack: Stack) -> None:
    settings = {**stack.broker.env(), **stack.database.admin_env(), "HOLDFAST_URL": stack.url}
    with subprocess.Popen([program("holdfast"), "send", "-"], env=base_env(**settings),
                          stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as sending:
        assert sending.stdin is not None
        for n in (1, 2, 3):
            sending.stdin.write(b'{"event_type":"x"}\n')
            sending.stdin.flush()
            stack.wait_count(n)
        sending.stdin.close()
        assert sending.wait(10) == 0


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
