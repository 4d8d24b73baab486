# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 client on one kept connection: fast, with a deadline, and with no retries of
its own, so that what happened on the wire is what the caller is told."""
import asyncio
import json
from dataclasses import dataclass


class NoAnswer(Exception):
    """The request may or may not have been taken."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


class Client:
    def __init__(self, host: str, port: int, deadline_s: float = 15.0):
        self._host, self._port, self._deadline_s = host, port, deadline_s
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes, content_type: str) -> Answer:
        try:
            return await asyncio.wait_for(self._post(path, body, content_type), self._deadline_s)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError,
                asyncio.TimeoutError) as error:
            self.close()
            raise NoAnswer(repr(error)) from error

    async def _post(self, path: str, body: bytes, content_type: str) -> Answer:
        if self._reader is not None and self._reader.at_eof():
            self.close()  # the server has said goodbye while nothing was asked
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        head = (f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
                f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n")
        self._writer.write(head.encode() + body)
        return await self._answer()

    async def _answer(self) -> Answer:
        assert self._reader is not None
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
