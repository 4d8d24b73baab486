# SPDX-License-Identifier: Apache-2.0
"""Load with a journal: clients that post single events and batches and know what they were told.

Each client has a connection of its own, one request under way, and its own seeded dice. An event
with a key is sent again, byte for byte, until it is answered for good; one without a key is sent
once, so that what a lost answer leaves behind is at most one row. Clients run in a thread.
"""
import asyncio
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from http1 import Answer, Client, NoAnswer
from journal import Journal

TEXTS = ["", "plain", "wörd – ñ", "漢字かな", "emoji 🎉🚀", 'quote " back \\ slash /', "tab\tline\n",
         "\u0001\u001f\u007f", "x" * 300]
TYPES = ["fault.single", "fault.batch", "order_created", "review_started", "quality check/é"]


@dataclass
class Post:
    """One body and the events in it."""
    events: list[dict]
    content_type: str
    what: str
    path: str = "/log"

    def body(self) -> bytes:
        if self.what == "single":
            return json.dumps(self.events[0]).encode()
        if self.what == "ndjson":
            return b"".join(json.dumps(e, ensure_ascii=False).encode() + b"\n"
                            for e in self.events)
        return json.dumps(self.events).encode()

    @property
    def is_repeatable(self) -> bool:
        return all("event_id" in e for e in self.events)


class Maker:
    """Makes events; all of a client come from one seed."""

    def __init__(self, dice: random.Random, prefix: str):
        self._dice, self._prefix, self._made = dice, prefix, 0

    def event(self, with_key: bool) -> dict:
        dice = self._dice
        self._made += 1
        nonce = f"{self._prefix}-{self._made}"
        event = {"event_type": dice.choice(TYPES),
                 "severity": dice.choice(["debug", "info", "warning", "error", "critical"]),
                 "priority": dice.randrange(0, 10),
                 "payload": {"nonce": nonce, "text": dice.choice(TEXTS),
                             "whole": dice.getrandbits(dice.choice([8, 53, 100])),
                             "list": [None, True, {"deep": [dice.random() < 0.5]}]}}
        if with_key:
            event["event_id"] = f"key-{nonce}"
        if dice.random() < 0.3:
            event["title"] = dice.choice(TEXTS[1:6])
        if dice.random() < 0.3:
            event["tags"] = dice.sample(["a", "b b", "ç", "δ"], dice.randrange(1, 4))
        if dice.random() < 0.3:
            event["session_id"] = dice.randrange(1, 2 ** 63)
        if dice.random() < 0.2:
            event["correlation_id"] = f"c{dice.randrange(100)}"
        unsaid = {"severity": 0.2, "priority": 0.8}
        for name in [name for name, share in unsaid.items() if dice.random() < share]:
            del event[name]
            event["payload"].setdefault("unsaid", []).append(name)
        return event

    def post(self) -> Post:
        kind = self._dice.random()
        if kind < 0.5:
            return Post([self.event(True)], "application/json", "single")
        if kind < 0.7:
            return Post([self.event(False)], "application/json", "single")
        many = [self.event(True) for _ in range(self._dice.randrange(2, 40))]
        if kind < 0.85:
            return Post(many, "application/json", "array")
        return Post(many, "application/x-ndjson", "ndjson")


@dataclass
class Load:
    """start(), then stop(): tells clients to finish what they hold; a repeatable post that still
    has no answer gets `patience` seconds more."""
    urls: list[tuple[str, int]]
    journal: Journal
    seed: int
    clients: int = 8
    patience: float = 20.0
    pause_s: float = 0.0  # between the posts of one client
    deadline_s: float = 15.0
    statuses: Counter = field(default_factory=Counter)
    events_accepted: int = 0
    posts_repeated: int = 0  # after they were accepted, and accepted once more
    slowest_s: float = 0.0
    _stopping: bool = False
    _stop_at: float = 0.0

    def start(self) -> "Load":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def abandon(self) -> None:
        """Ends as soon as it can, nobody waits for it."""
        self.patience, self._stop_at, self._stopping = 0, time.monotonic(), True

    def stop(self) -> None:
        self._stop_at, self._stopping = time.monotonic(), True
        self._thread.join(self.patience + 2 * self.deadline_s)
        assert not self._thread.is_alive(), "the load does not end"

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(n) for n in range(self.clients)))

    async def _client(self, number: int) -> None:
        dice = random.Random(f"{self.seed}-{number}")
        maker = Maker(dice, f"s{self.seed}c{number}")
        host, port = self.urls[number % len(self.urls)]
        client = Client(host, port, self.deadline_s)
        accepted: list[Post] = []
        try:
            while not self._stopping:
                again = bool(accepted) and dice.random() < 0.05
                post = dice.choice(accepted) if again else maker.post()
                if await self._deliver(client, post, dice) and post.is_repeatable:
                    accepted = accepted[-20:] + [post]
                    self.posts_repeated += again
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)
        finally:
            client.close()

    async def _deliver(self, client: Client, post: Post, dice: random.Random) -> bool:
        pause = 0.05
        while True:
            answer = await self._try(client, post)
            if answer is not None and answer.status < 500:
                return answer.status == 202
            out_of_patience = self._stopping and \
                time.monotonic() > self._stop_at + self.patience
            if not post.is_repeatable or out_of_patience:
                return False
            await asyncio.sleep(pause * dice.uniform(0.5, 1.5))
            pause = min(pause * 2, 0.5)

    async def _try(self, client: Client, post: Post) -> Answer | None:
        request = self.journal.sending(post.events, post.what)
        begin = time.monotonic()
        try:
            answer = await client.post(post.path, post.body(), post.content_type)
        except NoAnswer as error:
            self.statuses["none"] += 1
            self.journal.answered(request, None, time.monotonic() - begin, [], str(error))
            return None
        seconds = time.monotonic() - begin
        self.slowest_s = max(self.slowest_s, seconds)
        self.statuses[answer.status] += 1
        ids = event_ids(answer)
        if answer.status == 202:
            self.events_accepted += len(post.events)
        self.journal.answered(request, answer.status, seconds, ids,
                              retry_after=answer.headers.get("retry-after"),
                              detail=detail(answer))
        return answer


def event_ids(answer: Answer) -> list[str]:
    document = answer.json()
    if "event_ids" in document:
        return document["event_ids"]
    return [document["event_id"]] if "event_id" in document else []


def detail(answer: Answer) -> str:
    text = answer.json().get("detail", "")
    return text if isinstance(text, str) else ""
