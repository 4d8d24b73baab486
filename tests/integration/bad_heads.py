# SPDX-License-Identifier: Apache-2.0
"""Requests whose framing or head must be refused, as raw bytes: what two parsers could understand
differently, and what is no HTTP at all."""
from dataclasses import dataclass

BODY = b'{"event_type":"smuggled","payload":{}}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
TYPE = b"Content-Type: application/json\r\n"
HOST = b"Host: x\r\n"
LINE = b"POST /log HTTP/1.1\r\n"


@dataclass(frozen=True)
class Head:
    name: str
    request: bytes
    status: int


def post(fields: bytes, body: bytes = BODY, line: bytes = LINE) -> bytes:
    return line + fields + b"\r\n" + body


NORMAL = HOST + TYPE + LENGTH
CHUNKED = b"26\r\n" + BODY + b"\r\n0\r\n\r\n"
CHUNKED_HEAD = HOST + TYPE + b"Transfer-Encoding: chunked\r\n"

HEADS = [
    Head("two lengths that differ", post(NORMAL + b"Content-Length: 2\r\n"), 400),
    Head("two equal lengths", post(NORMAL + LENGTH), 400),
    Head("a list of lengths", post(HOST + TYPE + b"Content-Length: 38, 38\r\n"), 400),
    Head("a length with a plus", post(HOST + TYPE + b"Content-Length: +38\r\n"), 400),
    Head("a negative length", post(HOST + TYPE + b"Content-Length: -1\r\n"), 400),
    Head("a hexadecimal length", post(HOST + TYPE + b"Content-Length: 0x26\r\n"), 400),
    Head("a length with letters", post(HOST + TYPE + b"Content-Length: 38a\r\n"), 400),
    Head("an empty length", post(HOST + TYPE + b"Content-Length: \r\n"), 400),
    Head("a length past 64 bits", post(HOST + TYPE + b"Content-Length: 18446744073709551654\r\n"),
         400),
    Head("no length", post(HOST + TYPE, b""), 411),
    Head("chunks without an end", post(CHUNKED_HEAD, CHUNKED[:-5] + b"x"), 400),
    Head("a chunk longer than it says", post(CHUNKED_HEAD, CHUNKED.replace(b"26", b"25", 1)), 400),
    Head("a chunk size with a sign", post(CHUNKED_HEAD, b"+" + CHUNKED), 400),
    Head("chunks with bare LF", post(CHUNKED_HEAD, CHUNKED.replace(b"\r\n", b"\n")), 400),
    Head("chunked twice", post(CHUNKED_HEAD + b"Transfer-Encoding: chunked\r\n", CHUNKED), 400),
    Head("chunked in HTTP/1.0", post(CHUNKED_HEAD, CHUNKED, b"POST /log HTTP/1.0\r\n"), 400),
    Head("length and chunked", post(NORMAL + b"Transfer-Encoding: chunked\r\n", CHUNKED), 400),
    Head("gzip, chunked", post(HOST + TYPE + b"Transfer-Encoding: gzip, chunked\r\n", CHUNKED), 411),
    Head("chunked, chunked", post(HOST + TYPE + b"Transfer-Encoding: chunked, chunked\r\n", CHUNKED),
         411),
    Head("identity", post(NORMAL + b"Transfer-Encoding: identity\r\n"), 400),
    Head("a space before the colon", post(HOST + TYPE + b"Content-Length : 38\r\n"), 400),
    Head("a folded field", post(NORMAL + b"X: a\r\n b\r\n"), 400),
    Head("a field folded by a tab", post(NORMAL + b"X: a\r\n\tb\r\n"), 400),
    Head("a first field that is folded", LINE + b" X: a\r\n" + NORMAL + b"\r\n" + BODY, 400),
    Head("a NUL in a value", post(NORMAL + b"X: a\0b\r\n"), 400),
    Head("a NUL in a name", post(NORMAL + b"X\0Y: a\r\n"), 400),
    Head("a CR in a value", post(NORMAL + b"X: a\rb\r\n"), 400),
    Head("bare LF", post(NORMAL).replace(b"\r\n", b"\n"), 400),
    Head("one bare LF", post(HOST + b"X: a\n" + TYPE + LENGTH), 400),
    Head("no colon", post(NORMAL + b"nonsense\r\n"), 400),
    Head("an empty name", post(NORMAL + b": a\r\n"), 400),
    Head("a space in a name", post(NORMAL + b"X Y: a\r\n"), 400),
    Head("a letter of another alphabet in a name", post(NORMAL + "Ü: a\r\n".encode()), 400),
    Head("no Host", post(TYPE + LENGTH), 400),
    Head("two Hosts", post(NORMAL + b"Host: y\r\n"), 400),
    Head("an absolute target", post(NORMAL, line=b"POST http://x/log HTTP/1.1\r\n"), 400),
    Head("a target without a slash", post(NORMAL, line=b"POST log HTTP/1.1\r\n"), 400),
    Head("HTTP/1.9", post(NORMAL, line=b"POST /log HTTP/1.9\r\n"), 505),
    Head("HTTP/2.0", post(NORMAL, line=b"POST /log HTTP/2.0\r\n"), 505),
    Head("HTTP/0.9", post(NORMAL, line=b"POST /log HTTP/0.9\r\n"), 505),
    Head("http in small letters", post(NORMAL, line=b"POST /log http/1.1\r\n"), 400),
    Head("no version", post(NORMAL, line=b"POST /log\r\n"), 400),
    Head("two spaces", post(NORMAL, line=b"POST  /log HTTP/1.1\r\n"), 400),
    Head("a tab for a space", post(NORMAL, line=b"POST\t/log HTTP/1.1\r\n"), 400),
    Head("a method with a bracket", post(NORMAL, line=b"PO(ST /log HTTP/1.1\r\n"), 400),
    Head("a NUL in the target", post(NORMAL, line=b"POST /l\0og HTTP/1.1\r\n"), 400),
    Head("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Head("a long target", post(NORMAL, line=b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\n"), 414),
    Head("a long field", post(NORMAL + b"X: " + b"x" * 20_000 + b"\r\n"), 431),
    Head("many fields", post(NORMAL + b"".join(b"X%d: a\r\n" % n for n in range(70))), 431),
    Head("an endless head", LINE + b"X" * 200_000, 431),
    Head("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", 400),
    Head("an expectation nobody knows", post(NORMAL + b"Expect: miracles\r\n"), 417),
]
