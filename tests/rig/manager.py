# SPDX-License-Identifier: Apache-2.0
"""A service manager as a daemon sees it: a datagram socket named by NOTIFY_SOCKET."""
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from rig.wait import Overdue


@dataclass(frozen=True)
class Word:
    pid: int
    at: float
    text: str


class Manager:
    def __init__(self, folder: Path, abstract: bool = False):
        name = str(folder / "notify")
        self.address = "@" + name if abstract else name
        self.words: list[Word] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + name if abstract else name)

    def env(self, watchdog_s: float = 0.0) -> dict[str, str]:
        more = {"WATCHDOG_USEC": str(int(watchdog_s * 1e6))} if watchdog_s else {}
        return {"NOTIFY_SOCKET": self.address, **more}

    def hear(self, seconds: float) -> Word | None:
        """The next word, None when there is none in time."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
        except TimeoutError:
            return None
        assert ancillary, "no credentials came with it"
        word = Word(struct.unpack("3i", ancillary[0][2])[0], time.monotonic(), data.decode())
        self.words.append(word)
        return word

    def wait(self, start: str, seconds: float = 30.0) -> Word:
        """The next word with a line that starts so."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            word = self.hear(left)
            if word and any(line.startswith(start) for line in word.text.splitlines()):
                return word
        raise Overdue(f"not within {seconds:g} s: {start} (heard {[w.text for w in self.words]})")

    def listen(self, seconds: float) -> list[Word]:
        """Everything said from now on for so long; what waited unheard is dropped."""
        while self.hear(0):
            pass
        heard, deadline = [], time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            word = self.hear(left)
            if word:
                heard.append(word)
        return heard

    def close(self) -> None:
        self._socket.close()
