"""Two instances of a virtual router on one node: one acts, the others wait, and it may leave them the addresses.

Whoever waits is connected to the place of the one that acts. That one, told to end, asks who they are, and tells
an equal one that what it finds on the interface is its own. Nothing of that reaches the network.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from msgspec import MsgspecError, Struct, json

from vipalived.agent.plan import Plan
from vipalived.agent.process import Crowded, Place, places
from vipalived.net import clock
from vipalived.vrrp.model import OWNER, RANKS, Standing

_WHO, _LEFT = b"?", b"!"
_PATIENCE: Final = 0.3
"""Seconds for an answer: who stands still now could not take over either."""
_LONGEST: Final = 1024
_AGAIN: Final = 0.1
"""Seconds until another attempt, where there is no room or somebody has ended at once."""
_MOST: Final = 64
"""So many may wait."""


class Claimant(Struct, frozen=True):
    """An instance that waits: what it would do (`Plan.role`), and whether it may take part."""

    role: str
    standing: Standing
    released: bool

    def unfit(self, role: str, standing: Standing) -> str | None:
        """Why it cannot go on where one of this role and standing leaves off; None if it can."""
        if self.role != role:
            return "its engine or its addresses are others"
        if self.released:
            return "it is released"
        if RANKS.get(self.standing, OWNER) < RANKS.get(standing, OWNER):
            return f"its API server is {self.standing}, and here it is {standing}"
        return None


class Seat:
    """The right to run a plan's virtual router on this host: one place for each family.

    `claimant` says who waits for it here.
    """

    def __init__(self, plan: Plan, claimant: Callable[[], Claimant]) -> None:
        self._places = places(plan)
        self._claimant = claimant
        self._heir: socket.socket | None = None
        self._waiting: dict[socket.socket, bool] = {}
        self._loop = asyncio.get_running_loop()
        self.inherited = False
        """Whether a Master has left its addresses to this instance as it ended."""

    def take_free(self) -> bool:
        """Takes what no other instance has; whether that is all of it, so that there is nothing to wait for."""
        for place in self._places:
            if not place.take_free():
                return False
            self._loop.add_reader(place, self._admit, place)
        return True

    async def take(self, told: Callable[[], None]) -> None:
        """Waits for other instances to end; `told` is called where that is so."""
        for place in self._places:
            left = await self._take(place, told)
            if place is self._places[0]:
                self.inherited = left
            self._loop.add_reader(place, self._admit, place)

    async def _take(self, place: Place, told: Callable[[], None]) -> bool:
        """Whether the last one who had it has left something to this one."""
        left = False
        while True:
            began = clock.now()
            try:
                predecessor = place.take()
            except Crowded:
                told()
                await asyncio.sleep(_AGAIN)
                continue
            if predecessor is None:
                return left
            told()
            with predecessor:
                left = await _outlast(predecessor, self._claimant)
            if not left and clock.now() - began < _AGAIN:
                await asyncio.sleep(_AGAIN)  # it may be there still, and have had no room for this one

    def _admit(self, place: Place) -> None:
        """Those who wait are kept, whatever they want, and let go when they are: nobody's room is taken for good."""
        for one in [one for one in self._waiting if _is_gone(one)]:
            del self._waiting[one]
            one.close()
        for one, equal in place.waiting():
            if len(self._waiting) < _MOST:
                self._waiting[one] = equal and place is self._places[0]
            else:
                one.close()

    async def find_heir(self, unfit: Callable[[Claimant], str | None]) -> str | None:
        """Looks among those who wait for one that is fit, for `leave`; why there is none where some wait."""
        reason = None
        self._admit(self._places[0])
        for one in [one for one, equal in self._waiting.items() if equal]:
            if (reason := await _judge(one, unfit)) is None:
                self._heir = one
                break
        return reason

    @property
    def has_heir(self) -> bool:
        """Whether there is one that is fit."""
        return self._heir is not None

    def leave(self) -> None:
        """Gives it back, to the heir if there is one; what is on the interface is no more this instance's."""
        if self._heir is not None:
            with suppress(OSError):
                self._heir.send(_LEFT)
        for place in self._places:
            if place.fileno() >= 0:
                self._loop.remove_reader(place)
            place.leave()
        # Only now, for then they look whether the place is free.
        for one in self._waiting:
            one.close()


def _is_gone(one: socket.socket) -> bool:
    try:
        return not one.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


async def _outlast(predecessor: socket.socket, claimant: Callable[[], Claimant]) -> bool:
    """Until it has ended; whether it has left something to this one."""
    loop, left = asyncio.get_running_loop(), False
    with suppress(OSError):
        while word := await loop.sock_recv(predecessor, 1):
            if word == _WHO:
                await loop.sock_sendall(predecessor, json.encode(claimant()) + b"\n")
            left = word == _LEFT
    return left


async def _judge(one: socket.socket, unfit: Callable[[Claimant], str | None]) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            return unfit(await _ask(one))
    except (OSError, ValueError, MsgspecError):
        return "it does not answer"


async def _ask(one: socket.socket) -> Claimant:
    """Raises OSError, ValueError or MsgspecError when there is no proper answer."""
    loop, said = asyncio.get_running_loop(), b""
    await loop.sock_sendall(one, _WHO)
    while not said.endswith(b"\n"):
        part = await loop.sock_recv(one, _LONGEST)
        said += part
        if not part or len(said) > _LONGEST:
            raise ValueError("not a line")
    return json.decode(said, type=Claimant)
