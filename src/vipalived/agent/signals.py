"""The signals that the agent obeys, from its first instruction on.

Process 1 of a container never gets a signal that it has no handler for, and any other process dies of it. So they are
noted until there is a loop that can obey them.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Notes every signal that comes, until `obey`."""

    def __init__(self) -> None:
        self._came: list[int] = []
        for number in (*ENDING, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._came.append(number)

    @property
    def ending(self) -> bool:
        """Whether one has come that ends the agent."""
        return any(number in ENDING for number in self._came)

    def obey(self, terminate: Callable[[], None], reload: Callable[[], None]) -> None:
        """From now on these are called, in the running loop; and at once for what has come already."""
        loop = asyncio.get_running_loop()
        handlers = dict.fromkeys(ENDING, terminate) | {signal.SIGHUP: reload}
        for wanted, handler in handlers.items():
            loop.add_signal_handler(wanted, handler)
        for number in self._came:
            handlers[signal.Signals(number)]()
        self._came.clear()
