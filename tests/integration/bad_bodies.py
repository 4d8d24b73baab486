# SPDX-License-Identifier: Apache-2.0
"""Bodies that must be refused, and exactly how: status, problem type, pointer, line."""
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import event_columns

JSON, NDJSON = "application/json", "application/x-ndjson"
GOOD = {"event_type": "good", "payload": {"n": 1}}
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    name: str
    body: bytes
    status: int
    slug: str
    pointer: str | None = None  # of the first entry of errors; None = there need be none
    line: int | None = None
    content_type: str = JSON
    headers: dict = field(default_factory=dict)


def event(**members: object) -> bytes:
    return json.dumps({**GOOD, **members}).encode()


def with_raw(member: str, raw: bytes) -> bytes:
    """An event in which a member has a value as it stands."""
    return b'{"event_type": "t", "' + member.encode() + b'": ' + raw + b"}"


def malformed(name: str, body: bytes, pointer: str | None = None) -> Case:
    return Case(name, body, 400, "invalid-json", pointer)


def wrong(name: str, body: bytes, pointer: str, **more: object) -> Case:
    return Case(name, body, 422, "invalid-event", pointer, **more)


NOT_NUMBERS = [b"01", b"-01", b"1.", b".5", b"-.5", b"+1", b"1e", b"1e+", b"1E-", b"0x1F", b"1_000",
               b"0e", b"--1", b"-", b"1.e5", b"NaN", b"Infinity", b"-Infinity", b"1eE2", b"1.2.3",
               "٣".encode(), b"-012", b"1d", b"0b1", b"1e1.5", b"2.e3", b"9.e+", b"-a", b"1a",
               b"1e131072", b"1e-16384", b"-1e200000", b"1e99999999999", b"00", b"1 2", b"-NaN",
               b"1,5", b"1e+-2", "１".encode()]
NOT_LITERALS = [b"tru", b"True", b"TRUE", b"nul", b"None", b"undefined", b"truee", b"nulL",
                b"fals", b"NULL", b"nan", b"yes"]
NOT_ESCAPES = [rb"\a", rb"\x41", rb"\'", rb"\0", rb"\u12", rb"\uZZZZ", rb"\u12G4", rb"\U0041",
               rb"\u{41}", rb"\u 041", rb"\N", rb"\e", rb"\v"]
NOT_STORABLE = [rb"\u0000", rb"a\u0000b", rb"\ud800", rb"\udc00", rb"\ud800\u0041", rb"\udfff\ud800",
                rb"\ud800x", rb"\uD83D", rb"\ud83d\ud83d", rb"\uDBFF\uFFFF"]
NOT_UTF8 = ["c080", "c0af", "c1bf", "e08080", "e09fbf", "eda080", "edbfbf", "f0808080", "f08fbfbf",
            "f4908080", "f5808080", "f888808080", "fc8480808080", "fe", "ff", "80", "bf", "c3",
            "e282", "f09f98", "e9", "c328", "a0a1", "e228a1", "f0288cbc", "edb080"]
NOT_JSON = [b"", b" ", b"\n", b"\r\n\t ", b"\0", b"{", b"[", b"]", b"}", b"{]", b"[}", b"[{]", b"((",
            b"{:1}", b"{a:1}", b"{'a':1}", b'{"a" 1}', b'{"a"}', b'{"a":}', b'{"a":1 "b":2}',
            b'{"a":1,,"b":2}', b"{,}", b'{"a":1,}', b'{"a":1;"b":2}', b'{1:1}', b'{null:1}',
            b"[1 2]", b"[,1]", b"[1,,2]", b"[1,]", b"[,]", b"/* c */{}", b"// c\n{}", b"# c\n{}",
            b"<xml/>", b"event_type=x", b"--boundary", b"\x0c{}", b"\xc2\xa0{}", b"\x0b{}", b"'a'",
            b'"', b'"a', b"\\", b"{}}", b"[]]", b"{}{}", b"{} x", b'{"a":1}1', b"\xef\xbb\xbf{}",
            b'{"event_type":"t"', b'{"event_type":"t', b'{"event_type":', b'{"event_type"',
            b'{"event_type":"t"}\0', b"\xef\xbb\xbf", '{"a":1}'.encode("utf-16-le"),
            '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b"\x1f\x8b\x08\x00"]
NOT_ONCE = [b'{"event_type":"a","event_type":"b"}', b'{"event_type":"a","event_type":"a"}',
            b'{"event_type":"t","payload":{"a":1,"a":2}}',
            b'{"event_type":"t","payload":{"a":1,"\\u0061":2}}',
            b'{"event_type":"t","payload":{"x":[{"k":1,"k":1}]}}',
            b'{"event_type":"t","payload":{"":1,"":2}}', b'{"event_type":"t","x":1,"x":1}']


def gate_cases() -> Iterator[Case]:
    for raw in NOT_NUMBERS:
        yield malformed(f"number {raw.decode()}", with_raw("payload", b'{"v":' + raw + b"}"))
    for raw in NOT_LITERALS:
        yield malformed(f"literal {raw.decode()}", with_raw("payload", b'{"v":' + raw + b"}"))
    for raw in NOT_ESCAPES:
        yield malformed(f"escape {raw.decode()}", with_raw("title", b'"' + raw + b'"'), "/title")
    for raw in NOT_STORABLE:
        yield malformed(f"string {raw.decode()}", with_raw("title", b'"' + raw + b'"'), "/title")
        yield malformed(f"member {raw.decode()}",
                        with_raw("payload", b'{"' + raw + b'":1}'))
    for code in range(0x20):
        yield malformed(f"control {code:#04x}",
                        with_raw("title", b'"a' + bytes([code]) + b'b"'), "/title")
    for code in NOT_UTF8:
        yield malformed(f"utf-8 {code}",
                        with_raw("title", b'"' + bytes.fromhex(code) + b'"'), "/title")
    for number, body in enumerate(NOT_JSON):
        yield malformed(f"text {number} {body[:20]!r}", body)
    for body in NOT_ONCE:
        yield malformed(f"twice {body.decode()}", body)


def depth_cases() -> Iterator[Case]:
    for depth in (32, 33, 64, 65, 1000, 100_000):
        for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
            # The event and its payload are two levels themselves.
            inner = opened * (depth - 1) + b"1" + closed * (depth - 1)
            yield Case(f"depth {depth + 1} of {opened.decode()}",
                       with_raw("payload", b'{"v":' + inner + b"}"), 400, "too-deep")
    yield Case("an endless opening", b"[" * 500_000, 400, "too-deep")


TEXT_LIMITS = {c.name: c.limit for c in event_columns.read() if c.kind == "text"}
NOT_TIMES = ["yesterday", "", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z",
             "2026-01-01T00:60:00Z", "2026-01-01T00:00:00+25:00", "20260101T000000Z", "1700000000",
             "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00.Z", " 2026-01-01T00:00:00Z",
             "2026-00-10T00:00:00Z", "26-01-01T00:00:00Z", 1700000000, 1.5, True, [], {}]
WRONG_VALUES: dict[str, list] = {
    "severity": ["loud", "", "INFOO", 3, True, [], {}, "info "],
    "occurred_at": NOT_TIMES, "timestamp": NOT_TIMES[:4],
    "tags": ["a", 1, True, {}, [1], [None], [["a"]], [{}], ["a", 2], ["t"] * 65, ["x" * 101]],
    "duration_ms": [-1, -0.5, "5", True, [], {}, "", "1s"],
    "duration": [-1, "5", True],
    "success": ["true", "false", 1, 0, [], {}, "yes", ""],
    "session_id": [0, -1, 1.5, "5", 9223372036854775808, True, [], {}, "", 10 ** 30],
    "priority": [-1, 10, 5.5, "5", True, [], {}, 100],
    "payload": ["text", 1, True, [], [1], "{}"],
    "data": ["text", 1, []],
    "state": ["text", 1, False, []],
    "metadata": ["text", 1, True, [{}]],
}


def field_cases() -> Iterator[Case]:
    for name, limit in TEXT_LIMITS.items():
        for value in ([], {}, ["a"], "x" * (limit + 1)):
            shown = f"{limit + 1} characters" if isinstance(value, str) else json.dumps(value)
            yield wrong(f"{name}: {shown}", event(**{name: value}), f"/{name}")
    for name, values in WRONG_VALUES.items():
        for value in values:
            shown = json.dumps(value)[:40]
            deeper = name == "tags" and isinstance(value, list) and len(value) < 65
            pointer = f"/{name}/{len(value) - 1}" if deeper else f"/{name}"
            yield wrong(f"{name}: {shown}", event(**{name: value}), pointer)
    for name in ("event_id", "event_type", "routing_key"):
        yield wrong(f"{name} empty", event(**{name: ""}), f"/{name}")
    yield wrong("a huge duration", with_raw("duration_ms", b"1e400"), "/duration_ms")
    yield wrong("no event_type", b'{"payload":{}}', "/event_type")
    yield wrong("an empty object", b"{}", "/event_type")
    yield wrong("event_type null", b'{"event_type":null}', "/event_type")
    yield wrong("event_type twice by alias", b'{"event_type":"a","type":"b"}', "/type")
    yield wrong("payload twice by alias", event(data={}), "/data")
    yield wrong("metadata and an unknown member alike", event(extra=1, metadata={"extra": 2}),
                "/extra")


def whole_cases() -> Iterator[Case]:
    for body in (b"1", b"null", b"true", b"-1.5e3"):
        yield wrong(f"no object: {body.decode()}", body, "")
    for element in (b"1", b"null", b"[]", b"[{}]"):
        yield wrong(f"element {element.decode()}", b"[" + event() + b"," + element + b"]", "/1")
    yield wrong("no event_type in an element", json.dumps([GOOD, GOOD, {}]).encode(),
                "/2/event_type")
    yield wrong("a wrong tag in an element", json.dumps([{**GOOD, "tags": ["a", 1]}]).encode(),
                "/0/tags/1")
    yield wrong("a pointer with ~ and /", b"[" + event(payload=[]) + b"]", "/0/payload")
    yield malformed("a broken element", b"[" + event() + b',{"event_type":}]')
    yield malformed("an array that ends early", b"[" + event() + b",")


def line_cases() -> Iterator[Case]:
    good = event() + b"\n"
    for number in (1, 2, 5):
        before = good * (number - 1)
        for name, bad, status, slug, pointer in (
                ("syntax", b'{"event_type":}', 400, "invalid-json", None),
                ("bytes", b'{"event_type":"\xff"}', 400, "invalid-json", "/event_type"),
                ("trailing", good.strip() + b" 1", 400, "invalid-json", None),
                ("field", b'{"event_type":"t","priority":10}', 422, "invalid-event", "/priority"),
                ("missing", b'{"payload":{}}', 422, "invalid-event", "/event_type"),
                ("array", b"[1]", 422, "invalid-event", "")):
            yield Case(f"line {number}: {name}", before + bad + b"\n" + good, status, slug, pointer,
                       number, NDJSON)
    yield Case("an object over two lines", b'{"event_type":\n"t"}\n', 400, "invalid-json",
               None, 1, NDJSON)
    yield Case("blank lines count", b"\n\n" + good + b"\n{}\n", 422, "invalid-event",
               "/event_type", 5, NDJSON)
    yield Case("a last line without its end", good + b'{"event_type":""}', 422, "invalid-event",
               "/event_type", 2, NDJSON)
    yield Case("CR before LF", good.replace(b"\n", b"\r\n") + b"{}\r\n", 422, "invalid-event",
               "/event_type", 2, NDJSON)


def size_cases() -> Iterator[Case]:
    yield Case("a body over 20 MiB", b" " * (20 * MIB + 1), 413, "too-large")
    yield Case("an event over 1 MiB", event(payload={"v": "x" * MIB}), 413, "too-large")
    yield Case("an element over 1 MiB",
               b"[" + event() + b"," + event(payload={"v": "x" * MIB}) + b"]", 413, "too-large",
               "/1")
    yield Case("a line over 1 MiB", event() + b"\n" + event(payload={"v": "x" * MIB}) + b"\n", 413,
               "too-large", "", 2, NDJSON)
    yield Case("10,001 events", json.dumps([GOOD] * 10_001).encode(), 413, "too-large")
    yield Case("10,001 lines", (event() + b"\n") * 10_001, 413, "too-large", content_type=NDJSON)


def type_cases() -> Iterator[Case]:
    for content_type in ("text/plain", "text/xml", "application/x-www-form-urlencoded",
                         "multipart/form-data; boundary=x", "application/jsonx", "json",
                         "application/octet-stream", "application/x-protobuf", "image/png"):
        yield Case(f"type {content_type}", event(), 415, "unsupported-media-type",
                   content_type=content_type)
    for coding in ("br", "compress", "gzip, br", "bogus"):
        yield Case(f"coding {coding}", event(), 415, "unsupported-encoding",
                   headers={"Content-Encoding": coding})
    for key in ("", '""', "x" * 256, "a\tb", '"unended'):
        yield Case(f"key {key[:20]!r}", event(), 400, "invalid-idempotency-key",
                   headers={"Idempotency-Key": key})


def all_cases() -> list[Case]:
    return [*gate_cases(), *depth_cases(), *field_cases(), *whole_cases(), *line_cases(),
            *size_cases(), *type_cases()]
