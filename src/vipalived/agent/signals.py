"""The signals that the agent obeys, from its first instruction on.

Process 1 of a container never gets a signal that it has no handler for, and any other process dies of it. So they are
noted until there is a loop that can obey them. It imports next to nothing, as it comes before all else.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_came: Final[list[int]] = []


def note() -> None:
    """From now on every signal is noted; what has been noted already stays."""
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, _note)


def _note(number: int, frame: FrameType | None) -> None:
    del frame
    _came.append(number)


def ending() -> bool:
    """Whether one has come that ends the agent."""
    return any(number in ENDING for number in _came)


def obey(terminate: Callable[[], None], reload: Callable[[], None]) -> None:
    """From now on these are called, in the running loop; and at once for what has come already."""
    import asyncio

    loop = asyncio.get_running_loop()
    handlers = dict.fromkeys(ENDING, terminate) | {signal.SIGHUP: reload}
    for wanted, handler in handlers.items():
        loop.add_signal_handler(wanted, handler)
    for number in _came:
        handlers[signal.Signals(number)]()
    _came.clear()
