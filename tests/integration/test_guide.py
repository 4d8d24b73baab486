# SPDX-License-Identifier: Apache-2.0
"""docs/guide.md, executed. Each `http request` is sent; the blocks beneath it say what came of it:

    http answer    the status, headers, an empty line when there are any, and what the body has in it
    json row       what the row of the event has in it
    sql            a query, and in the next block, `json result`, what its one row has in it
    json catalogue NAME    a file of the catalogue the requests of its section need
    python, sh     what a program called before; not executed
"""
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from rig.stack import SOURCE, Stack
from rig.wait import wait_for

KEY = {"ADMIN_API_KEY": "the-key-of-the-operators"}
GUIDE = SOURCE / "docs" / "guide.md"
BLOCK = re.compile(r"^(## [^\n]*)$|^```(\w[^\n]*)\n(.*?)^```$", re.M | re.S)


@dataclass
class Section:
    title: str
    blocks: list[tuple[str, str]] = field(default_factory=list)


def sections() -> list[Section]:
    found = [Section("")]
    for match in BLOCK.finditer(GUIDE.read_text(encoding="utf-8")):
        if match[1]:
            found.append(Section(match[1].lstrip("# ")))
        else:
            found[-1].blocks.append((match[2], match[3]))
    return [s for s in found if s.blocks]


def split_head(text: str) -> tuple[list[str], str]:
    head, _, body = text.partition("\n\n")
    return head.splitlines(), body


def send(stack: Stack, text: str) -> httpx.Response:
    head, body = split_head(text)
    method, path = head[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head[1:])
    return stack.producer.request(method, path, headers=headers, content=body.rstrip("\n").encode())


def holds(found: object, expected: object) -> bool:
    """Whether what was found has in it what is expected; lists element by element."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(k in found and holds(found[k], v)
                                               for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) >= len(expected) \
            and all(map(holds, found, expected))
    return found == expected


def check_answer(answer: httpx.Response, text: str) -> None:
    status, _, body = text.partition("\n")
    headers = {}
    while body and not body.startswith(("{", "[")):
        line, _, body = body.partition("\n")
        if line:
            name, value = line.split(": ", 1)
            headers[name] = value
    assert answer.status_code == int(status), answer.text
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert not body or holds(answer.json(), json.loads(body)), answer.text


def event_id(answer: httpx.Response, expected: dict) -> str:
    said = answer.json() if answer.text else {}
    return expected.get("event_id") or said.get("event_id") or said["event_ids"][0]


def check_row(stack: Stack, answer: httpx.Response, text: str) -> None:
    expected = json.loads(text)
    stack.event(event_id(answer, expected))
    row = stack.database.value("SELECT to_jsonb(e) FROM log_events e WHERE event_id = %s",
                               (event_id(answer, expected),))
    assert holds(row, expected), row


def result_rows(stack: Stack, query: str) -> list[object]:
    return [r["row"] for r in stack.database.rows(f"SELECT to_jsonb(q) AS row FROM ({query}) q")]


def play(stack: Stack, section: Section) -> int:
    """Returns how many requests there were."""
    requests, answer, query = 0, None, ""
    for kind, text in section.blocks:
        if kind == "http request":
            answer = send(stack, text)
            requests += 1
        elif kind == "http answer":
            check_answer(answer, text)
        elif kind == "json row":
            check_row(stack, answer, text)
        elif kind == "sql":
            query = text
        elif kind == "json result":
            wait_for(f"{query} to find {text}",
                     lambda: any(holds(row, json.loads(text)) for row in result_rows(stack, query)))
        else:
            assert kind in ("python", "sh", "syslog-ng") or kind.startswith("json catalogue"), \
                f"a block of no kind: {kind}"
    return requests


@pytest.fixture
def guided(make_stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Callable[[Section], Stack]]:
    def start(section: Section) -> Stack:
        files = [(kind.split()[-1], text) for kind, text in section.blocks
                 if kind.startswith("json catalogue")]
        if not files:
            return make_stack(producer_env=KEY)
        folder = shutil.copytree(SOURCE / "schema" / "catalog", tmp_path / "catalog")
        for name, text in files:
            (folder / name).write_text(text, encoding="utf-8")
        settings = {"CATALOG_DIR": str(folder)}
        return make_stack(producer_env={**settings, **KEY}, consumer_env=settings)
    yield start


@pytest.mark.parametrize("section", sections(), ids=lambda s: s.title)
def test_the_guide(section: Section, guided: Callable[[Section], Stack]) -> None:
    assert play(guided(section), section) > 0


def test_what_does_not_come_out_as_written_is_noticed() -> None:
    assert not holds({"a": 1, "b": [{"c": 2}]}, {"b": [{"c": 3}]})
    assert not holds({"a": 1}, {"b": None}) and not holds([], [1])
    assert holds({"a": 1, "b": [{"c": 2, "d": 0}]}, {"b": [{"c": 2}]})
