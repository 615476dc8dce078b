"""Long-lived work that is started again when a bug has ended it: at once, then after longer and longer rests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from vipalived.net import clock

RESTS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a new start, by how many failures there have been in a row."""
GOOD_RUN: Final = 30.0
"""What has run for so long and fails then is not failing again and again."""

Bug = Callable[[str, Exception, float], None]
"""Tells of a bug: in what, which, and the seconds until the new start."""


class BackOff:
    """Counts failures in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def rest(self, ran: float) -> float:
        """Seconds to wait after a failure, of something that had run for so long."""
        self._failures = 1 if ran >= GOOD_RUN else self._failures + 1
        return RESTS[min(self._failures, len(RESTS)) - 1]


async def guarded(name: str, work: Callable[[], Awaitable[None]], bug: Bug) -> None:
    """`work` until it returns or is cancelled; what it raises is told, and it begins anew."""
    back_off = BackOff()
    while True:
        began = clock.now()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the addresses stay where they are
            rest = back_off.rest(clock.now() - began)
            bug(name, error, rest)
        else:
            return
        await asyncio.sleep(rest)
