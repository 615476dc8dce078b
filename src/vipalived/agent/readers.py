"""Sockets that the loop reads, and that may be flooded: whatever comes, timers and other sockets get their turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final, Protocol

from vipalived.net import clock

AT_ONCE: Final = 512
"""So many packets are read of a socket, about as many as its queue holds, before anything else gets its turn."""
BREATH: Final = 0.005
"""Seconds that the rest waits if there were so many. A queue of the usual size has room for what comes meanwhile at
40,000 packets a second; beyond that the kernel drops some, be they junk or not."""
STORM: Final = 20
"""So many full readings, one close behind the other, are told of."""


class Readable(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int: ...


class Readers:
    """The loop's readers of an engine; `trouble` tells of a storm."""

    def __init__(self, trouble: Callable[[str, str], None]) -> None:
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._breathing: dict[Readable, asyncio.TimerHandle] = {}
        self._gusts, self._gust_at = 0, -math.inf

    def add(self, readable: Readable, hear: Callable[[], None]) -> None:
        """Call `hear` whenever there is something to read."""
        self._loop.add_reader(readable, hear)

    def remove(self, readable: Readable) -> None:
        """Not any more."""
        self._loop.remove_reader(readable)
        if breathing := self._breathing.pop(readable, None):
            breathing.cancel()

    def breathe(self, readable: Readable, hear: Callable[[], None]) -> None:
        """Not before a moment has passed: a reading was as full as it can be."""
        if readable in self._breathing:
            return
        now = clock.now()
        self._gusts = self._gusts + 1 if now - self._gust_at < 10 * BREATH else 1
        self._gust_at = now
        if self._gusts >= STORM:
            self._trouble(
                "storm",
                "packets come faster than anybody means to send them: is there a loop in the network?",
            )
        self._loop.remove_reader(readable)
        self._breathing[readable] = self._loop.call_later(BREATH, self._resume, readable, hear)

    def _resume(self, readable: Readable, hear: Callable[[], None]) -> None:
        del self._breathing[readable]
        self.add(readable, hear)
