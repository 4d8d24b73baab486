# SPDX-License-Identifier: Apache-2.0
"""Clients at a steady pace that know several producers, and the figures of what they saw.

Every event has a key, so that a post whose answer was lost may be sent again, byte for byte. A
client tries its own producer first. How often a post is tried, and where, is the patience of the
client: PINNED stays with its producer until it is answered for good; ONE_RETRY goes to the next
producer once, at once, and then counts the post as failed.
"""
import asyncio
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from http1 import Client, NoAnswer
from journal import Journal
from load import Maker, Post, detail, event_ids

PINNED, ONE_RETRY = 0, 2
PATIENCE_S = 30.0  # of a pinned client, once the traffic is told to stop


@dataclass(frozen=True)
class Try:
    """One request: when, to which producer, and how it ended."""
    began: float
    ended: float
    producer: int
    status: int | None
    error: str

    @property
    def is_accepted(self) -> bool:
        return self.status == 202


@dataclass
class Traffic:
    urls: list[tuple[str, int]]
    journal: Journal
    seed: int
    clients: int = 8
    events_per_s: float = 500.0
    events_a_post: int = 9  # at most; half of the posts are single events
    tries: int = PINNED
    deadline_s: float = 15.0
    made: list[Try] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    events_accepted: int = 0
    _stop_at: float | None = None

    def start(self) -> "Traffic":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop_at = time.monotonic()
        self._thread.join(PATIENCE_S + 2 * self.deadline_s)
        assert not self._thread.is_alive(), "the traffic does not end"

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(n) for n in range(self.clients)))

    async def _client(self, number: int) -> None:
        dice = random.Random(f"{self.seed}-{number}")
        maker = Maker(dice, f"s{self.seed}c{number}")
        order = [(number + n) % len(self.urls) for n in range(len(self.urls))]
        connections = {n: Client(*self.urls[n], self.deadline_s) for n in order}
        mean = (1 + (2 + self.events_a_post) / 2) / 2
        every_s = mean * self.clients / self.events_per_s
        due = time.monotonic() + dice.uniform(0, every_s)
        try:
            while self._stop_at is None:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                # Who was held up for long does not make up for all of it at once.
                due = max(due + every_s, time.monotonic() - 1.0)
                await self._deliver(connections, order, self._post(maker, dice))
        finally:
            for connection in connections.values():
                connection.close()

    def _post(self, maker: Maker, dice: random.Random) -> Post:
        if dice.random() < 0.5:
            return Post([maker.event(True)], "application/json", "single")
        many = [maker.event(True) for _ in range(dice.randrange(2, self.events_a_post + 1))]
        return Post(many, "application/x-ndjson", "ndjson")

    async def _deliver(self, connections: dict[int, Client], order: list[int], post: Post) -> None:
        tries: list[Try] = []
        while not self.tries or len(tries) < self.tries:
            at = order[len(tries) % len(order)] if self.tries else order[0]
            tries.append(await self._try(connections[at], at, post))
            if tries[-1].is_accepted:
                return
            if self._stop_at is not None and time.monotonic() > self._stop_at + PATIENCE_S:
                break
            if not self.tries:
                await asyncio.sleep(0.05)
        self.failed.append("; ".join(f"producer {t.producer}: {t.status} {t.error}" for t in tries))

    async def _try(self, client: Client, producer: int, post: Post) -> Try:
        request = self.journal.sending(post.events, post.what)
        began = time.monotonic()
        try:
            answer = await client.post("/log", post.body(), post.content_type)
        except NoAnswer as error:
            made = Try(began, time.monotonic(), producer, None, str(error))
            self.journal.answered(request, None, made.ended - began, [], str(error))
        else:
            made = Try(began, time.monotonic(), producer, answer.status, detail(answer))
            self.events_accepted += len(post.events) if made.is_accepted else 0
            self.journal.answered(request, answer.status, made.ended - began, event_ids(answer),
                                  retry_after=answer.headers.get("retry-after"),
                                  detail=made.error)
        self.made.append(made)
        return made

    def silence_s(self, producer: int | None, since: float) -> float:
        """The longest time from `since` until now in which nothing sent after `since` was
        accepted, by one producer or by any."""
        answers = sorted(t.ended for t in self.made if t.is_accepted and t.began >= since
                         and producer in (None, t.producer))
        edges = [since, *answers, time.monotonic()]
        return max(after - before for before, after in zip(edges, edges[1:]))

    def rate(self) -> float:
        """Events accepted a second, from the first request to the last."""
        return self.events_accepted / (self.made[-1].ended - self.made[0].began)

    def first_tries_not_accepted(self) -> Counter:
        return Counter(f"{t.status or t.error}" for t in self.made if not t.is_accepted)
