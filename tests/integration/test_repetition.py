# SPDX-License-Identifier: Apache-2.0
"""What is a repetition and what is not: by the client's own id, by the key of a request, whatever
the catalogue and the spelling; and how large an event may be."""
import base64
import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rig.stack import Stack
from rig.wait import wait_for

LINES = "application/x-ndjson"


def event(n: object, **members: object) -> dict:
    return {"event_type": "keyed", "payload": {"n": n}, **members}


def send(stack: Stack, body: object, key: str | None = None, path: str = "/log",
         status: int = 202, lines: bool = False) -> dict:
    headers = {"Idempotency-Key": key} if key else {}
    if lines:
        body = "\n".join(map(json.dumps, body))
        headers["Content-Type"] = LINES
    answer = stack.post(body, path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def stored(stack: Stack) -> list[object]:
    """What is stored once all is, n by n; and nothing is in quarantine."""
    stack.wait_drained()
    assert stack.database.rows("SELECT reason, event_id FROM quarantine") == []
    rows = stack.database.rows("SELECT payload->'n' AS n FROM log_events ORDER BY 1")
    return [row["n"] for row in rows]


# ---- the key of a request ----

@pytest.mark.asan
@pytest.mark.parametrize("mended", [event(1), [event(1)], [event(0), event(1), event(2)]])
def test_a_mended_item_under_the_same_key_is_stored(stack: Stack, mended: object) -> None:
    broken = {"event_type": "keyed", "payload": 1}
    answer = send(stack, [event(0), broken, event(2)], "K", "/log?partial=true", 207)
    assert [item["status"] for item in answer["items"]] == [202, 422, 202]
    send(stack, mended, "K")
    assert stored(stack) == [0, 1, 2]


@pytest.mark.asan
def test_items_put_in_front_shift_nothing(stack: Stack) -> None:
    first = send(stack, [event(0), event(1)], "K")
    second = send(stack, [event(9), event(0), event(1)], "K")
    assert stored(stack) == [0, 1, 9]
    assert second["event_ids"][1:] == first["event_ids"]


@pytest.mark.asan
@pytest.mark.parametrize("alone_first", [True, False])
def test_alone_and_in_a_list_it_is_one_event(stack: Stack, alone_first: bool) -> None:
    for body in (event(1), [event(1)]) if alone_first else ([event(1)], event(1)):
        send(stack, body, "K")
        stack.wait_drained()
    send(stack, [event(1), event(2)], "K")
    assert stored(stack) == [1, 2]


def test_lines_and_a_list_are_one_request_in_two_forms(stack: Stack) -> None:
    first = send(stack, [event(0), event(1), event(2)], "K")
    second = send(stack, [event(2), event(1), event(3), event(0)], "K", lines=True)
    assert stored(stack) == [0, 1, 2, 3]
    assert set(first["event_ids"]) < set(second["event_ids"])


def test_equal_items_of_a_request_stay_several_and_sent_again_add_nothing(stack: Stack) -> None:
    body = [event(5), event(6), event(5), event(5)]
    first = send(stack, body, "K")
    assert len(set(first["event_ids"])) == 4
    assert send(stack, body, "K")["event_ids"] == first["event_ids"]
    random.Random(1).shuffle(body)
    send(stack, body, "K")
    assert stored(stack) == [5, 5, 5, 6]


def test_an_id_of_its_own_comes_before_the_key(stack: Stack) -> None:
    answer = send(stack, [event(0, event_id="own"), event(1)], "K")
    assert answer["event_ids"][0] == "own" and answer["event_ids"][1].startswith("K#")
    send(stack, [event(1), event(0, event_id="own"), event(2)], "K")
    send(stack, event(0, event_id="own"), "another key")
    assert stored(stack) == [0, 1, 2]


def test_keys_do_not_meet_each_other(stack: Stack) -> None:
    for key in ("K", "L", "M" * 200):
        send(stack, [event(0), event(1)], key)
    assert stored(stack) == [0, 0, 0, 1, 1, 1]


def test_another_object_under_the_key_of_one_is_a_conflict_and_holds_no_id(stack: Stack) -> None:
    send(stack, event(1), "K")
    stack.wait_drained()
    send(stack, event(2), "K")
    stack.wait_drained()
    rows = stack.database.rows("SELECT reason, event_id FROM quarantine")
    assert rows == [{"reason": "conflict", "event_id": "K"}]
    send(stack, [event(2)], "K")  # as one of a list it is an event of its own
    wait_for("both stored", lambda: stack.database.value("SELECT count(*) FROM log_events") == 2)


def test_two_producers_and_consumers_make_the_same_of_it(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producers=2, consumers=2)
    for round_ in range(10):
        for k in range(20):
            body = [event(k), event(100 + k), event(k)]
            random.Random(round_ * 100 + k).shuffle(body)
            alone = event(k) if (round_ + k) % 3 == 0 else body
            answer = stack.producers[(round_ + k) % 2].request(
                "POST", "/log", json=alone, headers={"Idempotency-Key": f"K{k}"})
            assert answer.status_code == 202
    for k in range(20):
        send(stack, [event(k), event(100 + k), event(k)], f"K{k}")
    assert stored(stack) == sorted([*range(20), *range(20), *range(100, 120)])


# ---- what was said ----

def family(**types: dict) -> str:
    return json.dumps({"family": "own", "types": types})


def reload(stack: Stack, file: Path, text: str) -> None:
    before = stack.producer.log_tail(10**6).count("catalog_reloaded")
    file.write_text(text)
    stack.producer.signal(signal.SIGHUP)
    wait_for("the new catalogue in force",
             lambda: stack.producer.log_tail(10**6).count("catalog_reloaded") > before, 20)


CATALOGUES = {
    "another priority": family(keyed={"routing_key": "own.keyed", "priority": 9}),
    "another severity": family(keyed={"routing_key": "own.keyed", "severity": "error"}),
    "another routing key": family(keyed={"routing_key": "own.other"}),
    "a default in the payload": family(keyed={
        "routing_key": "own.keyed", "optional": ["colour"],
        "fields": {"colour": {"kind": "text", "default": "red"}}}),
    "unknown": family(other={"routing_key": "own.other"}),
}


@pytest.mark.asan
def test_a_reload_of_the_catalogue_makes_no_conflict(make_stack: Callable[..., Stack],
                                                     tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    file = folder / "own.json"
    file.write_text(family(keyed={"routing_key": "own.keyed"}))
    stack = make_stack(producer_env={"CATALOG_DIR": str(folder)})
    ids = [event(1, event_id="own"), event(2), [event(3), event(4)]]
    keys = [None, "K", "L"]
    for body, key in zip(ids, keys):
        send(stack, body, key)
    for text in CATALOGUES.values():
        reload(stack, file, text)
        for body, key in zip(ids, keys):
            send(stack, body, key)
        assert stored(stack) == [1, 2, 3, 4]


@pytest.mark.asan
def test_the_spelling_makes_no_conflict_and_another_value_does(stack: Stack) -> None:
    spellings = [
        '{"event_type":"keyed","event_id":"s","payload":{"n":1,"text":"a/é"},"x":[1.5,null]}',
        '{ "x" : [15e-1, null], "payload":{"text":"a\\/\\u00e9","n":1.0}, "event_id":"s",\n'
        ' "event_type":"key\\u0065d" }',
        '{"payload":{"n":10e-1,"text":"\\u0061/é"},"event_type":"keyed","x":[0.15E+1,null],'
        '"event_id":"\\u0073"}']
    for text in spellings:
        send(stack, text)
    assert stored(stack) == [1]
    headers = {"Idempotency-Key": "s", "Content-Type": "application/json"}
    without = spellings[0].replace('"event_id":"s",', "")
    for trace in ("0" * 31 + "1", "0" * 31 + "2"):
        answer = stack.post(without, headers={
            **headers, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        assert answer.status_code == 202
    assert stored(stack) == [1]
    send(stack, spellings[0].replace("1.5", "1.50000000000000000001"))
    stack.wait_drained()
    assert stack.database.value("SELECT count(*) FROM quarantine WHERE reason = 'conflict'") == 1


def cloud(n: int, **members: object) -> dict:
    return {"specversion": "1.0", "id": "c", "source": "/s", "type": "keyed", "data": {"n": n},
            **members}


def test_the_forms_of_an_event_make_no_conflict(stack: Stack) -> None:
    structured = {"Content-Type": "application/cloudevents+json"}
    binary = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/s", "ce-type": "keyed",
              "Content-Type": "application/json"}
    for body, headers in ((json.dumps(cloud(1)), structured), (json.dumps(cloud(1.0)), structured),
                          ('{"n":3}', binary), ('{ "n" : 3e0 }', binary)):
        assert stack.post(body, headers=headers).status_code == 202
    for body in ({"n": 2, "event_id": "e"}, '{ "event_id":"e", "n":2.0}'):
        send(stack, body, path="/emit/keyed")
    assert stored(stack) == [1, 2, 3]


# ---- size ----

LIMIT = 4096


def padded(size: int, before: str, behind: str) -> str:
    text = before + "x" * (size - len(before) - len(behind)) + behind
    assert len(text) == size
    return text


def sized(size: int) -> str:
    return padded(size, '{"event_type":"sized","payload":{"n":1,"text":"', '"}}')


FORMS: dict[str, Callable[[int], tuple[str, str | bytes, dict]]] = {
    "object": lambda size: ("/log", sized(size), {}),
    "spaced": lambda size: ("/log", f" {sized(size)}\r\n", {}),
    "element": lambda size: ("/log", f"[ {sized(size)},{sized(100)} ]", {}),
    "line": lambda size: ("/log", f"{sized(size)}\r\n{sized(100)}\n", {"Content-Type": LINES}),
    "emit": lambda size: ("/emit/sized", padded(size, '{"n":1,"description":"', '"}'), {}),
    "structured": lambda size: (
        "/log", padded(size, f'{{"specversion":"1.0","id":"{size}","source":"s","type":"sized",'
                             '"data":{"n":1,"text":"', '"}}'),
        {"Content-Type": "application/cloudevents+json"}),
    "binary": lambda size: (
        "/log", b"\xff" * size, {"ce-specversion": "1.0", "ce-id": str(size), "ce-source": "b",
                                 "ce-type": "sized", "Content-Type": "image/png"}),
}


@pytest.mark.asan
def test_an_event_may_have_exactly_the_bytes_of_the_limit(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(producer_env={"MAX_EVENT_BYTES": str(LIMIT)})
    taken = 0
    for name, form in FORMS.items():
        for size in (LIMIT - 1, LIMIT, LIMIT + 1):
            path, body, headers = form(size)
            answer = stack.post(body, path, headers={**headers, "Idempotency-Key": f"{name}{size}"})
            assert answer.status_code == (202 if size <= LIMIT else 413), (name, size, answer.text)
            taken += (answer.json().get("accepted", 1)) if size <= LIMIT else 0
    stack.wait_drained()
    assert stack.database.value("SELECT count(*) FROM quarantine") == 0
    assert stack.database.value("SELECT count(*) FROM log_events") == taken


@pytest.mark.asan
def test_the_largest_event_of_the_largest_limit_is_stored(make_stack: Callable[..., Stack]) -> None:
    largest = 15 << 20
    stack = make_stack(producer_env={"MAX_EVENT_BYTES": str(largest)})
    for body, headers in (
            (sized(largest), {"Idempotency-Key": "K" * 200}),
            (b"\xff" * (11 << 20), {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s",
                                    "ce-type": "sized", "Content-Type": "image/png"})):
        answer = httpx.post(stack.url + "/log", content=body, timeout=60,
                            headers={"Content-Type": "application/json", **headers})
        assert answer.status_code == 202, answer.text
    stack.wait_count(2, seconds=60)
    data = stack.database.value(
        "SELECT payload->>'data_base64' FROM log_events WHERE source = 's'")
    assert data is None or base64.b64decode(data) == b"\xff" * (11 << 20)
    grown = stack.post(b"\xff" * (14 << 20), headers={
        "ce-specversion": "1.0", "ce-id": "2", "ce-source": "s", "ce-type": "sized",
        "Content-Type": "image/png"})
    assert grown.status_code == 413 and "bytes a queue accepts" in grown.text
