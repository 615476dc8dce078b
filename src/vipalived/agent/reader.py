"""Settings that change: read in a child process whenever they are asked for, the newest always last.

The values are what they are when the child opens them, so whoever asks while one is reading gets another reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from vipalived.agent.child import Child
from vipalived.agent.plan import Plan
from vipalived.errors import InvalidSettings, VipalivedError

LIMIT: Final = 60.0
"""Seconds that a child may take: a file may be a pipe, or on a server that is gone."""


class Reader:
    """`follow` gets each plan that was read, `refuse` each reason why there is none."""

    def __init__(
        self, read: Callable[[], Plan], follow: Callable[[Plan], None], refuse: Callable[[list[str]], None]
    ) -> None:
        self._read, self._follow, self._refuse = read, follow, refuse
        self._child: Child[Plan] | None = None
        self._again = False
        self._limit: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def request(self) -> None:
        """Read them, or once more when the reading under way is done."""
        if self._child is not None:
            self._again = True
            return
        self._child = Child(self._read)
        self._loop.add_reader(self._child, self._hear, self._child)
        self._limit = self._loop.call_later(LIMIT, self._give_up, self._child)

    def close(self) -> None:
        """Give up what is under way."""
        if self._child is not None:
            self._child.kill()
            self._done(self._child)

    def _hear(self, child: Child[Plan]) -> None:
        if not child.read():
            return
        self._done(child)
        try:
            self._conclude(child)
        finally:
            self._once_more()

    def _conclude(self, child: Child[Plan]) -> None:
        try:
            plan = child.result()
        except InvalidSettings as error:
            self._refuse([str(problem) for problem in error.problems])
        except (VipalivedError, RuntimeError) as error:
            self._refuse([str(error)])
        else:
            self._follow(plan)

    def _give_up(self, child: Child[Plan]) -> None:
        child.kill()
        self._done(child)
        self._refuse([f"the values were not read within {LIMIT:g} s"])
        self._once_more()

    def _done(self, child: Child[Plan]) -> None:
        self._loop.remove_reader(child)
        self._child = None
        if self._limit is not None:
            self._limit.cancel()

    def _once_more(self) -> None:
        again, self._again = self._again, False
        if again:
            self.request()
